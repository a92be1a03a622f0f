import { messageOf, stackOf } from '../protocol/thrown.js';
import type { LibraryLogger } from './library-logger.js';

/** A client can cause as many lines as it likes, so each kind gets one line per second. */
const INTERVAL_MS = 1000;
/** Enough for any message of ours with a name from outside in it; a header alone may have 16 KB. */
const MAX_MESSAGE_CHARACTERS = 500;
/** Enough for the frames of a stack that tell where a bug is. */
const MAX_STACK_CHARACTERS = 4000;

interface Kind {
  loggedAt: number;
  suppressed: number;
}

/**
 * Logs what a client can provoke: at most one line per second of each kind, shortened, on one line. The next line of
 * a kind says how many were suppressed before it.
 */
export class LimitedLog {
  private readonly kinds = new Map<string, Kind>();

  constructor(
    private readonly logger: LibraryLogger,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** @param kind a fixed string: it must not contain anything that a client chooses */
  warn(kind: string, message: string): void {
    const suppressed = this.admit(kind);
    if (suppressed !== undefined) this.logger.warn(shortened(message) + suppressed);
  }

  /**
   * Logs a bug, with its stack.
   *
   * @param kind a fixed string: it must not contain anything that a client chooses
   * @param what says what failed, such as "handleConnection failed"
   */
  error(kind: string, what: string, error: unknown): void {
    const suppressed = this.admit(kind);
    if (suppressed === undefined) return;
    const stack = stackOf(error)?.slice(0, MAX_STACK_CHARACTERS);
    this.logger.error(shortened(`${what}: ${messageOf(error)}`) + suppressed, stack);
  }

  /** @returns what to append to the line, or `undefined` when this line is suppressed */
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

/** Control characters would let a client start lines of its own. */
function shortened(message: string): string {
  const cut =
    message.length > MAX_MESSAGE_CHARACTERS ? `${message.slice(0, MAX_MESSAGE_CHARACTERS)}…` : message;
  return cut.replace(/\p{Cc}+/gu, ' ');
}
