import type { Pipe } from '../../bus/bus.js';
import type { OutgoingMessage } from './outage-policy.js';

/** A message that waits until Redis can accept it. */
export interface WaitingMessage {
  readonly message: OutgoingMessage;
  readonly pipes: readonly Pipe[];
  readonly since: number;
  /** Whether it is being published. */
  underWay: boolean;
}

/** The limits of the buffer. */
export interface WaitingLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

/** The messages that wait for Redis, oldest first. When the buffer is full, the oldest ones are dropped, because the newest are worth most. */
export class WaitingMessages {
  private readonly waiting = new Set<WaitingMessage>();
  private readonly perPipe = new Map<Pipe, number>();
  private bytes = 0;

  constructor(
    private readonly limits: WaitingLimits,
    private readonly now: () => number,
  ) {}

  get isEmpty(): boolean {
    return this.waiting.size === 0;
  }

  /** Whether a message waits for one of these pipes. A new message would overtake it. */
  hasAnyFor(pipes: readonly Pipe[]): boolean {
    return this.waiting.size > 0 && pipes.some((pipe) => this.perPipe.has(pipe));
  }

  /** Adds a message. @returns the messages that were removed to make room */
  add(message: OutgoingMessage, pipes: readonly Pipe[]): WaitingMessage[] {
    const added: WaitingMessage = { message, pipes, since: this.now(), underWay: false };
    this.waiting.add(added);
    this.bytes += message.record.length;
    for (const pipe of pipes) this.perPipe.set(pipe, (this.perPipe.get(pipe) ?? 0) + 1);
    return this.removeWhile(
      () => this.waiting.size > this.limits.maxMessages || this.bytes > this.limits.maxBytes,
    );
  }

  remove(entry: WaitingMessage): void {
    if (!this.waiting.delete(entry)) return;
    this.bytes -= entry.message.record.length;
    for (const pipe of entry.pipes) {
      const left = (this.perPipe.get(pipe) ?? 0) - 1;
      if (left > 0) this.perPipe.set(pipe, left);
      else this.perPipe.delete(pipe);
    }
  }

  /** Removes the messages that have waited for longer than the limit. */
  removeExpired(): WaitingMessage[] {
    const oldest = this.now() - this.limits.maxAgeMs;
    return this.removeWhile(({ since }) => since < oldest);
  }

  removeAll(): WaitingMessage[] {
    return this.removeWhile(() => true);
  }

  /**
   * The messages that can be published now, in order: those whose pipes have been open for `openForMs` milliseconds. A
   * message that must wait holds back the later ones on its pipes. Checks the pipes again for each message, because
   * publishing one may fill a pipe.
   */
  *ready(openForMs: number): Generator<WaitingMessage> {
    const blocked = new Set<Pipe>();
    for (const entry of this.waiting) {
      const free = entry.pipes.every((pipe) => !blocked.has(pipe) && pipe.isOpenFor(openForMs));
      if (entry.underWay) continue;
      if (free) yield entry;
      else for (const pipe of entry.pipes) blocked.add(pipe);
    }
  }

  /** Removes the oldest messages while the condition holds. Skips those being published, because their outcome decides. */
  private removeWhile(condition: (entry: WaitingMessage) => boolean): WaitingMessage[] {
    const removed: WaitingMessage[] = [];
    for (const entry of this.waiting) {
      if (!condition(entry)) break;
      if (entry.underWay) continue;
      this.remove(entry);
      removed.push(entry);
    }
    return removed;
  }
}
