import type { LibraryLogger } from '../broadcast/library-logger.js';
import type { Deadline } from './deadline.js';
import { hooksEnded, runningHooks } from './gateway-hooks.js';

/** What the gateways still do for clients that are gone: their hooks may outlast the connection. */
export class Farewells {
  private readonly running = new Map<object, Promise<void>>();

  /** The client is gone. */
  add(client: object): void {
    const ended = hooksEnded(client);
    if (!ended) return;
    this.running.set(
      client,
      ended.then(() => void this.running.delete(client)),
    );
  }

  /**
   * Resolves when all hooks have ended, at the deadline at the latest: then those that did not return are logged, one
   * line for each hook, whatever number of clients it runs for.
   *
   * @param gone resolves when no client is added any more
   */
  async ended(
    gone: Promise<unknown>,
    deadline: Deadline,
    logger: LibraryLogger,
    path: string,
  ): Promise<void> {
    if (await deadline.meets(gone.then(() => Promise.all(this.running.values())))) return;
    const clients = new Map<string, number>();
    for (const client of this.running.keys())
      for (const hook of runningHooks(client)) clients.set(hook, (clients.get(hook) ?? 0) + 1);
    for (const [hook, count] of clients)
      logger.warn(
        `${hook} did not return within shutdownTimeout (${deadline.ms} ms) for ${count} client${count === 1 ? '' : 's'} of ${path}. The shutdown goes on without it.`,
      );
  }
}
