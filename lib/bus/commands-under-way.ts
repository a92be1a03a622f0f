/** Tracks the commands that Redis has not answered yet. */
export class CommandsUnderWay {
  private readonly sent = new Set<{ sentAt: number }>();

  constructor(private readonly now: () => number) {}

  get size(): number {
    return this.sent.size;
  }

  /** How long the oldest command has been unanswered, in milliseconds. */
  get waitingMs(): number {
    const [oldest] = this.sent;
    return oldest ? this.now() - oldest.sentAt : 0;
  }

  async add(answered: Promise<void>): Promise<void> {
    const command = { sentAt: this.now() };
    this.sent.add(command);
    try {
      await answered;
    } finally {
      this.sent.delete(command);
    }
  }

  /** This process was stalled for `ms` milliseconds, so replies may still be unread. */
  excuse(ms: number): void {
    for (const command of this.sent) command.sentAt = Math.min(command.sentAt + ms, this.now());
  }

  /** The link is down, so no replies will come. */
  clear(): void {
    this.sent.clear();
  }
}
