import type { Cancel, Clock } from './clock.js';

/** How often a server publishes a heartbeat, which is also what it listens for itself. */
export const HEARTBEAT_MS = 1000;
/** An own message that has not come back after this long will not: the path is deaf. */
const ECHO_DEADLINE_MS = 3000;
/** How often the deadline is looked at; a look that comes later than this by more than itself was held up. */
const LOOK_MS = 250;
/** Send times are kept so finely; a report of deafness begins at most so much too early for it. */
const SLOT_MS = 20;

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
  private cancelLooks: Cancel | undefined;
  private lookedAt = 0;
  private beatAt = 0;
  private proving = false;
  private heard = false;
  /** The first own message since `begin`; `undefined` when nothing is to be proved. */
  private firstNumber: number | undefined;
  /** Own messages that are waited for: the first of each slot, oldest first. */
  private awaited: { readonly number: number; readonly sentAt: number }[] = [];
  private provenUntil: number;
  /** How long the last own message took to come back: nothing that is read now was sent much longer ago. */
  private echoLagMs = 0;
  /** How long this process stood still while messages were waited for: what came meanwhile is unread yet. */
  private excusedMs = 0;

  constructor(
    private readonly clock: Pick<Clock, 'now' | 'every'>,
    private readonly events: HearingEvents,
  ) {
    this.provenUntil = clock.now();
  }

  /** Whatever Redis took before this time, on channels that were subscribed then, was heard. */
  get heardUntil(): number {
    return this.provenUntil;
  }

  /** How old what is read now may be. */
  get lagMs(): number {
    return this.echoLagMs;
  }

  /**
   * A peer's heartbeat of this time was heard, and so was what Redis took before it. Where only the way to Redis is
   * broken, no echo returns although everything is heard. This keeps the report from beginning earlier than it must.
   */
  witness(sentAt: number): void {
    if (this.proving) this.prove(sentAt - this.echoLagMs);
  }

  start(): void {
    this.lookedAt = this.clock.now();
    this.cancelLooks = this.clock.every(LOOK_MS, () => this.look());
  }

  stop(): void {
    this.cancelLooks?.();
    this.end();
  }

  /** Links are up and channels subscribed: from now on own messages must come back. */
  begin(): void {
    this.end();
    this.proving = true;
    this.heard = false;
    this.beat();
  }

  /** The links are gone. */
  end(): void {
    this.proving = false;
    this.firstNumber = undefined;
    this.awaited = [];
    this.excusedMs = 0;
  }

  sent(number: number): void {
    if (!this.proving) return;
    this.firstNumber ??= number;
    const sentAt = this.clock.now();
    const last = this.awaited.at(-1);
    if (!last || sentAt - last.sentAt >= SLOT_MS) this.awaited.push({ number, sentAt });
  }

  /** An own message came back. */
  echo(number: number): void {
    // What was sent on links that are gone proves nothing of the new ones.
    if (this.firstNumber === undefined || number < this.firstNumber) return;
    let oldest = this.awaited[0];
    while (oldest && number >= oldest.number) {
      this.prove(oldest.sentAt);
      this.echoLagMs = this.clock.now() - oldest.sentAt;
      this.excusedMs = 0;
      this.awaited.shift();
      oldest = this.awaited[0];
    }
    if (this.heard) return;
    this.heard = true;
    this.events.echoed();
  }

  private prove(until: number): void {
    this.provenUntil = Math.max(this.provenUntil, until);
  }

  private beat(): void {
    this.beatAt = this.clock.now();
    this.events.beat();
  }

  private look(): void {
    const now = this.clock.now();
    const late = now - this.lookedAt - LOOK_MS;
    this.lookedAt = now;
    const lateMs = late > LOOK_MS ? late : 0;
    if (this.awaited.length > 0) this.excusedMs += lateMs;
    this.events.look(lateMs);
    if (!this.proving) return;
    const [oldest] = this.awaited;
    const silentMs = oldest ? now - oldest.sentAt - this.excusedMs : 0;
    if (silentMs > ECHO_DEADLINE_MS) this.events.deaf(silentMs);
    else if (secondOf(now) !== secondOf(this.beatAt)) this.beat();
  }
}

/** All parts of a process that beat do so in the same turn of a second, so that they can share a message. */
function secondOf(time: number): number {
  return Math.floor(time / HEARTBEAT_MS);
}
