import type { LibraryLogger } from '../broadcast/library-logger.js';
import type { Deadline } from './deadline.js';
import { hooksEnded, runningHooks } from './gateway-hooks.js';

/** Gateway hooks that are still running for disconnected clients. A hook may outlast its connection. */
export class LateHooks {
  private readonly running = new Map<object, Promise<void>>();

  /** Tracks the hooks that are still running for a client that has just disconnected. */
  add(client: object): void {
    const ended = hooksEnded(client);
    if (!ended) return;
    this.running.set(
      client,
      ended.then(() => void this.running.delete(client)),
    );
  }

  /**
   * Resolves when all hooks have ended, or at the deadline. In that case it logs the hooks that are still running: one
   * line per hook, with the number of clients for which it runs.
   *
   * @param allDisconnected resolves when all clients have disconnected, so that no more hooks are added
   */
  async ended(
    allDisconnected: Promise<unknown>,
    deadline: Deadline,
    logger: LibraryLogger,
    path: string,
  ): Promise<void> {
    if (await deadline.meets(allDisconnected.then(() => Promise.all(this.running.values())))) return;
    const clientsByHook = new Map<string, number>();
    for (const client of this.running.keys())
      for (const hook of runningHooks(client)) clientsByHook.set(hook, (clientsByHook.get(hook) ?? 0) + 1);
    for (const [hook, count] of clientsByHook)
      logger.warn(
        `${hook} did not finish within shutdownTimeout (${deadline.ms} ms) for ${count} client${count === 1 ? '' : 's'} of ${path}. The shutdown continues without it.`,
      );
  }
}
