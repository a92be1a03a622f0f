export type ErrorStage = 'connect' | 'subscribe' | 'publish' | 'decode' | 'deliver' | 'listener';

/** What `errors$` reports: something went wrong and was dealt with; `stage` says where. */
export class BackplaneError extends Error {
  override readonly name = 'BackplaneError';

  constructor(
    readonly stage: ErrorStage,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
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
