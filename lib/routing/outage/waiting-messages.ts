import type { Pipe } from '../../bus/bus.js';
import type { OutgoingMessage } from './outage-policy.js';

/** A message that Redis could not take yet. */
export interface WaitingMessage {
  readonly message: OutgoingMessage;
  readonly pipes: readonly Pipe[];
  readonly since: number;
  /** It was handed to the bus, and the outcome is not known yet. */
  underWay: boolean;
}

/** How much may wait, and for how long. */
export interface WaitingLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

/** The messages that wait for Redis, oldest first. The oldest ones make room, because the newest ones are worth most. */
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

  /** Whether something waits for one of these pipes, so that a new message would overtake it. */
  hasAnyFor(pipes: readonly Pipe[]): boolean {
    return this.waiting.size > 0 && pipes.some((pipe) => this.perPipe.has(pipe));
  }

  /** Adds a message. @returns those that had to make room for it */
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

  /** Removes what has waited for longer than the limit. */
  removeExpired(): WaitingMessage[] {
    const oldest = this.now() - this.limits.maxAgeMs;
    return this.removeWhile(({ since }) => since < oldest);
  }

  removeAll(): WaitingMessage[] {
    return this.removeWhile(() => true);
  }

  /**
   * Those that can leave now, given how long their pipes must have been open, in order: a message that cannot holds
   * back the later ones of its pipes. Checked again for each message, because handing one over may fill a pipe.
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

  /** Removes from the oldest on. What is under way stays: its outcome tells what became of it. */
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
