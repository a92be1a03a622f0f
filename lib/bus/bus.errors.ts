import { BackplaneError, type ReportedErrorCode } from '../protocol/backplane.error.js';

/** Where a failure happened that `errors$` reports. */
export type ErrorStage = 'connect' | 'subscribe' | 'publish' | 'decode' | 'deliver' | 'listener' | 'presence';

const CODES: Readonly<Record<ErrorStage, ReportedErrorCode>> = {
  connect: 'BACKPLANE_CONNECT_FAILED',
  subscribe: 'BACKPLANE_SUBSCRIBE_FAILED',
  publish: 'BACKPLANE_PUBLISH_FAILED',
  decode: 'BACKPLANE_DECODE_FAILED',
  deliver: 'BACKPLANE_DELIVER_FAILED',
  listener: 'BACKPLANE_LISTENER_FAILED',
  presence: 'BACKPLANE_PRESENCE_FAILED',
};

/** A failure that the backplane has handled, as `errors$` reports it. `stage` says where it happened. */
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

/** A channel could not be subscribed now. It stays wanted and is subscribed once Redis allows it. */
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
