import { BackplaneError, type ReportedErrorCode } from '../protocol/backplane.error.js';

/** Where something went wrong that `errors$` reports. */
export type ErrorStage = 'connect' | 'subscribe' | 'publish' | 'decode' | 'deliver' | 'listener';

const CODES: Readonly<Record<ErrorStage, ReportedErrorCode>> = {
  connect: 'BACKPLANE_CONNECT_FAILED',
  subscribe: 'BACKPLANE_SUBSCRIBE_FAILED',
  publish: 'BACKPLANE_PUBLISH_FAILED',
  decode: 'BACKPLANE_DECODE_FAILED',
  deliver: 'BACKPLANE_DELIVER_FAILED',
  listener: 'BACKPLANE_LISTENER_FAILED',
};

/** What `errors$` reports: something went wrong and was dealt with. Where an error caused it, that is its `cause`. */
export class ReportedError extends BackplaneError {
  override readonly name = 'ReportedError';
  override readonly code: ReportedErrorCode;

  constructor(
    readonly stage: ErrorStage,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = CODES[stage];
  }
}

/** A channel is wanted, but Redis does not carry it now. It stays wanted, and is subscribed once Redis is back. */
export class NotSubscribedError extends Error {
  override readonly name = 'NotSubscribedError';

  constructor(
    readonly channel: string,
    options?: ErrorOptions,
  ) {
    super(
      `This server does not hear the channel ${channel}: the connection to Redis is down, or Redis refused the subscription.`,
      options,
    );
  }
}
