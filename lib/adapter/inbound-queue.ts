import { TOO_MANY_PENDING } from '../broadcast/close-code.js';

/** How much a connection may send, and how many of its messages are handled concurrently. */
export interface InboundLimits {
  readonly parallelInvocations: number;
  readonly maxPendingMessages: number;
  readonly maxMessagesPerSecond: number;
}

/**
 * Handles one message. The promise must not reject. It must resolve when the handler and the stream that it returned have
 * ended, or when the client has disconnected.
 */
export type MessageHandler = () => Promise<void>;

/**
 * Queues the messages of one connection for its handlers, and enforces the limits. Responses to invocations do not pass
 * through it, because a running handler may be awaiting one.
 *
 * A message counts as pending until the promise of its handler resolves.
 */
export class InboundQueue {
  private readonly waiting: MessageHandler[] = [];
  private running = 0;
  private isCheckScheduled = false;
  private secondStartedAt = 0;
  private inSecond = 0;

  constructor(
    private readonly limits: InboundLimits,
    private readonly call: (handle: MessageHandler) => Promise<void>,
    private readonly onTooMany: (reason: string) => void,
  ) {}

  /** Counts a message, also one that is not queued. Returns false if the client sends too many, and its connection is closed. */
  admits(): boolean {
    if (!this.exceedsRate()) return true;
    this.onTooMany('Too many messages per second');
    return false;
  }

  push(handle: MessageHandler): void {
    const { parallelInvocations, maxPendingMessages } = this.limits;
    if (!this.admits()) return;
    this.waiting.push(handle);
    if (this.running < Math.min(parallelInvocations, maxPendingMessages)) void this.run();
    if (this.excess > 0) this.checkLater();
  }

  private get excess(): number {
    return this.running + this.waiting.length - this.limits.maxPendingMessages;
  }

  /** Counts at the end of the turn, because one read may bring thousands of small messages. Most are handled by then. */
  private checkLater(): void {
    if (this.isCheckScheduled) return;
    this.isCheckScheduled = true;
    setImmediate(() => {
      this.isCheckScheduled = false;
      if (this.excess <= 0) return;
      this.waiting.splice(-this.excess);
      this.onTooMany(TOO_MANY_PENDING);
    });
  }

  private async run(): Promise<void> {
    this.running++;
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift())
      await this.call(next);
    this.running--;
  }

  private exceedsRate(): boolean {
    const { maxMessagesPerSecond } = this.limits;
    if (maxMessagesPerSecond === Infinity) return false;
    const now = performance.now();
    if (now - this.secondStartedAt >= 1000) {
      this.secondStartedAt = now;
      this.inSecond = 0;
    }
    return ++this.inSecond > maxMessagesPerSecond;
  }
}
