import { AsyncLocalStorage } from 'node:async_hooks';
import type { LocalConnection } from '../routing/local-connection.js';

/**
 * The reply to the message whose handler is running. Nest's exception filters know only the client, so this storage assigns
 * the `exception` that they emit to a message. Work that a handler leaves running keeps the storage after the reply was sent.
 */
const underWay = new AsyncLocalStorage<Reply>();

/** The reply to a client's message. Sends only the first result or error; later ones are dropped. */
export abstract class Reply {
  /** The error that {@link fail} replaces by "Internal server error", in a box because it may be `undefined`. */
  protected bug: { readonly error: unknown } | undefined;

  constructor(protected readonly connection: LocalConnection) {}

  /** The reply of this connection's running handler; `undefined` outside of handlers, and if the message expects none. */
  static underWay(connection: LocalConnection): Reply | undefined {
    const reply = underWay.getStore();
    return reply?.connection === connection ? reply : undefined;
  }

  /** Runs a function so that {@link underWay} returns this reply in all code that it calls, now or later. */
  run<Args extends unknown[], R>(handle: (...args: Args) => R, ...args: Args): R {
    return underWay.run(this, handle, ...args);
  }

  /** Remembers an error of which the client is not supposed to see the details. Called before {@link fail}. */
  static noteBug(error: unknown): void {
    const reply = underWay.getStore();
    if (reply) reply.bug = { error };
  }

  /** Sends the handler's result. Never throws. */
  abstract result(result: unknown): void;

  /**
   * Sends an error. Never throws.
   *
   * @returns false if the message already has a reply
   */
  abstract fail(error: unknown): boolean;
}
