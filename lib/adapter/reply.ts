import { AsyncLocalStorage } from 'node:async_hooks';
import type { LocalConnection } from '../routing/local-connection.js';

/**
 * The message whose handler is running. Nest's exception filters see only the client, so the `exception` that they emit
 * finds its message through this storage. Work that a handler leaves running keeps it, even after the reply was sent.
 */
const underWay = new AsyncLocalStorage<Reply>();

/** The reply to a client's message. Sends only the first result or error that it gets. */
export abstract class Reply {
  constructor(protected readonly connection: LocalConnection) {}

  /** The reply to the message of this connection whose handler is calling; `undefined` if it expects none, and outside of handlers. */
  static underWay(connection: LocalConnection): Reply | undefined {
    const reply = underWay.getStore();
    return reply?.connection === connection ? reply : undefined;
  }

  /** Runs a part of the message's handling. {@link underWay} returns this reply in all code that it calls, now or later. */
  run<Args extends unknown[], R>(handle: (...args: Args) => R, ...args: Args): R {
    return underWay.run(this, handle, ...args);
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
