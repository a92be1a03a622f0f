import { messageOf, stackOf } from '../protocol/thrown.js';
import type { LibraryLogger } from './library-logger.js';

/** The interval between two lines of the same kind, because a client can cause any number of them. */
const INTERVAL_MS = 1000;
/** Enough for any message of this library that quotes a name from a client. A header alone can have 16 KB. */
const MAX_MESSAGE_CHARACTERS = 500;
/** Enough for the stack frames that locate a bug. */
const MAX_STACK_CHARACTERS = 4000;

interface Kind {
  loggedAt: number;
  suppressed: number;
}

/**
 * Logs what clients can cause, with a rate limit: at most one line per second of each kind. Messages are shortened and
 * kept on one line. The next line of a kind says how many were suppressed before it.
 */
export class LimitedLog {
  private readonly kinds = new Map<string, Kind>();

  constructor(
    private readonly logger: LibraryLogger,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** @param kind a fixed string, which must not contain anything that a client chooses */
  warn(kind: string, message: string): void {
    const suppressed = this.admit(kind);
    if (suppressed !== undefined) this.logger.warn(shortened(message) + suppressed);
  }

  /**
   * Logs a bug with its stack.
   *
   * @param kind a fixed string, which must not contain anything that a client chooses
   * @param what what failed, such as "handleConnection failed"
   */
  error(kind: string, what: string, error: unknown): void {
    const suppressed = this.admit(kind);
    if (suppressed === undefined) return;
    const stack = stackOf(error)?.slice(0, MAX_STACK_CHARACTERS);
    this.logger.error(shortened(`${what}: ${messageOf(error)}`) + suppressed, stack);
  }

  /** @returns the text to append to the line; `undefined` if the line is suppressed */
  private admit(kind: string): string | undefined {
    const now = this.now();
    const known = this.kinds.get(kind);
    if (known && now - known.loggedAt < INTERVAL_MS) {
      known.suppressed++;
      return undefined;
    }
    this.kinds.set(kind, { loggedAt: now, suppressed: 0 });
    return known?.suppressed ? ` (${known.suppressed} similar lines were suppressed)` : '';
  }
}

/** Removes control characters, because a client could use them to forge log lines. */
function shortened(message: string): string {
  const cut =
    message.length > MAX_MESSAGE_CHARACTERS ? `${message.slice(0, MAX_MESSAGE_CHARACTERS)}…` : message;
  return cut.replace(/\p{Cc}+/gu, ' ');
}
