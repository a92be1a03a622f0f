import { InvalidArgumentError } from '../protocol/invalid-argument.error.js';
import { MAX_TIMER_MS } from '../protocol/timer-limit.js';
import type { Frame, ReceivedMessage } from './received-message.js';
import { TestClientError } from './testing.errors.js';

interface Waiter {
  readonly takes: (frame: Frame) => boolean;
  readonly resolve: (frame: Frame) => void;
  readonly fail: (why: string) => void;
}

/** How much of what has arrived an error shows: the newest messages, and the beginning of each. */
const SHOWN_MESSAGES = 10;
const SHOWN_CHARACTERS = 200;

/** Those who wait for a frame of a client. Each waits for a limited time, and only until the connection is closed. */
export class Waiters {
  private readonly waiting = new Set<Waiter>();
  /** Why nothing more arrives. */
  private closure: string | undefined;

  constructor(
    private readonly timeoutMs: number,
    private readonly received: readonly ReceivedMessage[],
  ) {}

  /**
   * @param what what is missing if it does not arrive, as the error's message begins
   * @throws TestClientError (as a rejection)
   * @throws InvalidArgumentError when the timeout is not an integer that a timer accepts
   */
  wait(what: string, takes: Waiter['takes'], timeoutMs = this.timeoutMs): Promise<Frame> {
    checkTimeout(timeoutMs);
    const { closure } = this;
    if (closure !== undefined) return Promise.reject(this.error(what, closure));
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.waiting.delete(waiter);
      };
      const waiter: Waiter = {
        takes,
        resolve: (frame) => {
          end();
          resolve(frame);
        },
        fail: (why) => {
          end();
          reject(this.error(what, why));
        },
      };
      const timer = setTimeout(() => waiter.fail(` within ${timeoutMs} ms`), timeoutMs);
      this.waiting.add(waiter);
    });
  }

  /** Gives the frame to the one that has waited for it the longest. @returns false if nobody has */
  take(frame: Frame): boolean {
    for (const waiter of this.waiting) {
      if (!waiter.takes(frame)) continue;
      waiter.resolve(frame);
      return true;
    }
    return false;
  }

  /** The connection is closed: everyone who waits fails, now and later. */
  close(code: number, reason: string): void {
    this.closure = `: the connection was closed with ${code}${reason === '' ? '' : ` (${reason})`}`;
    for (const waiter of this.waiting) waiter.fail(this.closure);
  }

  private error(what: string, why: string): TestClientError {
    return new TestClientError(`${what}${why}. ${shown(this.received)}`);
  }
}

/** @throws InvalidArgumentError */
export function checkTimeout(timeoutMs: unknown): void {
  if (Number.isInteger(timeoutMs) && Number(timeoutMs) >= 1 && Number(timeoutMs) <= MAX_TIMER_MS) return;
  throw new InvalidArgumentError(
    'timeout',
    `an integer from 1 to ${MAX_TIMER_MS}, in milliseconds`,
    timeoutMs,
  );
}

function shown(received: readonly ReceivedMessage[]): string {
  if (received.length === 0) return 'The client has received nothing.';
  const newest = received.slice(-SHOWN_MESSAGES).map(({ event, data }) => {
    const text = `${event ?? 'no event'} ${data === undefined ? '' : JSON.stringify(data)}`.trimEnd();
    return `\n  ${text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text}`;
  });
  const count = received.length === 1 ? '1 message' : `${received.length} messages`;
  const last = received.length > SHOWN_MESSAGES ? `, the last ${SHOWN_MESSAGES} of them` : '';
  return `The client has received ${count}${last}:${newest.join('')}`;
}
