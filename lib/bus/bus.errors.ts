export type ErrorStage = 'connect' | 'subscribe' | 'publish' | 'decode' | 'deliver' | 'listener';

/** A failure that the backplane has handled, as `errors$` reports it. `stage` says where it happened. */
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
