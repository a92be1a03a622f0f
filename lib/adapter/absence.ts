import type { EdgeCounters } from '../broadcast/edge-counters.js';

/** The time in which a session has no socket and waits for its client. It counts as a connection, as its lost socket did. */
export class Absence {
  private readonly timeout: NodeJS.Timeout;

  constructor(
    maxMs: number,
    private readonly counters: EdgeCounters,
    onTimeout: () => void,
  ) {
    this.timeout = setTimeout(onTimeout, maxMs);
    counters.connections++;
  }

  end(): void {
    clearTimeout(this.timeout);
    this.counters.connections--;
  }
}
