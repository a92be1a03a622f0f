/** Commands that Redis has not answered yet, and for how long the oldest one has waited. */
export class CommandsUnderWay {
  private readonly sent = new Set<{ sentAt: number }>();

  constructor(private readonly now: () => number) {}

  get size(): number {
    return this.sent.size;
  }

  /** For how long Redis has not answered the oldest of them, in milliseconds. */
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

  /** This process stood still for so long: the answers may lie unread. */
  excuse(ms: number): void {
    for (const command of this.sent) command.sentAt = Math.min(command.sentAt + ms, this.now());
  }

  /** The link is gone, and with it their answers. */
  clear(): void {
    this.sent.clear();
  }
}
