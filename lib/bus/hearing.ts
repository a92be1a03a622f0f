/** How often a server publishes a heartbeat, which is also what it listens for itself. */
export const HEARTBEAT_MS = 1000;
/** An own message that has not come back after this long will not: the path is deaf. */
const ECHO_DEADLINE_MS = 3000;
/** How often the deadline is looked at; a look that comes later than this by more than itself was held up. */
const LOOK_MS = 250;

export interface HearingEvents {
  /** Publish a heartbeat now. */
  beat(): void;
  /** Something of this server's own came back, for the first time since `begin`. */
  echoed(): void;
  /** Nothing of this server's own came back for the deadline. */
  deaf(silentMs: number): void;
  /** Called about four times a second, also while nothing is heard. `lateMs`: how long this process stood still. */
  look(lateMs: number): void;
}

/**
 * Proves that this server hears: its own messages come back through Redis, as the others' would. The
 * heartbeat is the probe, so an idle server proves it once a second, and a busy one with every message.
 */
export class Hearing {
  private timer: NodeJS.Timeout | undefined;
  private lookedAt = 0;
  private beatAt = 0;
  private proving = false;
  private heard = false;
  /** The oldest own message that is waited for, and when it was sent. */
  private awaited: { readonly number: number; sentAt: number } | undefined;

  constructor(
    private readonly now: () => number,
    private readonly events: HearingEvents,
  ) {}

  start(): void {
    this.lookedAt = this.now();
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.end();
  }

  /** Links are up and channels subscribed: from now on own messages must come back. */
  begin(): void {
    this.proving = true;
    this.heard = false;
    this.awaited = undefined;
    this.beat();
  }

  /** The links are gone. */
  end(): void {
    this.proving = false;
    this.awaited = undefined;
  }

  sent(number: number): void {
    if (this.proving) this.awaited ??= { number, sentAt: this.now() };
  }

  /** An own message came back. */
  echo(number: number): void {
    if (!this.proving) return;
    if (this.awaited && number >= this.awaited.number) this.awaited = undefined;
    if (this.heard) return;
    this.heard = true;
    this.events.echoed();
  }

  private beat(): void {
    this.beatAt = this.now();
    this.events.beat();
  }

  private look(): void {
    const now = this.now();
    const late = now - this.lookedAt - LOOK_MS;
    this.lookedAt = now;
    const lateMs = late > LOOK_MS ? late : 0;
    // What came while this process stood still is unread yet: the timer runs before the sockets are read.
    if (this.awaited) this.awaited.sentAt += lateMs;
    this.events.look(lateMs);
    if (!this.proving) return;
    const silentMs = this.awaited ? now - this.awaited.sentAt : 0;
    if (silentMs > ECHO_DEADLINE_MS) this.events.deaf(silentMs);
    else if (now - this.beatAt >= HEARTBEAT_MS - LOOK_MS / 2) this.beat();
  }
}
