/** What a connection may send, and how much of it is handled at once. */
export interface InboundLimits {
  readonly parallelInvocations: number;
  readonly maxPendingMessages: number;
  readonly maxMessagesPerSecond: number;
}

/**
 * The messages of one connection on their way to handlers. Answers to our own questions do not pass through here:
 * a handler may await one.
 *
 * A message counts until the promise of `handle` resolves, which must be when all that its handler started for it has
 * ended, a stream too, or when the client has gone. It must not reject.
 */
export class InboundQueue<Message> {
  private readonly waiting: Message[] = [];
  private running = 0;
  private judging = false;
  private secondBegan = 0;
  private inSecond = 0;

  constructor(
    private readonly limits: InboundLimits,
    private readonly handle: (message: Message) => Promise<void>,
    private readonly onTooMany: (reason: string) => void,
  ) {}

  push(message: Message): void {
    const { parallelInvocations, maxPendingMessages } = this.limits;
    if (this.isTooFast()) return this.onTooMany('Too many messages in a second');
    this.waiting.push(message);
    if (this.running < Math.min(parallelInvocations, maxPendingMessages)) void this.run();
    if (this.excess > 0) this.judgeLater();
  }

  private get excess(): number {
    return this.running + this.waiting.length - this.limits.maxPendingMessages;
  }

  /** One read may bring thousands of small messages: only those whose handlers outlast the turn are pending. */
  private judgeLater(): void {
    if (this.judging) return;
    this.judging = true;
    setImmediate(() => {
      this.judging = false;
      if (this.excess <= 0) return;
      this.waiting.splice(-this.excess);
      this.onTooMany('Too many messages are pending');
    });
  }

  private async run(): Promise<void> {
    this.running++;
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift())
      await this.handle(next);
    this.running--;
  }

  private isTooFast(): boolean {
    const { maxMessagesPerSecond } = this.limits;
    if (maxMessagesPerSecond === Infinity) return false;
    const now = performance.now();
    if (now - this.secondBegan >= 1000) {
      this.secondBegan = now;
      this.inSecond = 0;
    }
    return ++this.inSecond > maxMessagesPerSecond;
  }
}
