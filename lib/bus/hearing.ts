import type { Cancel, Clock } from './clock.js';

/** How often a server publishes a heartbeat. The server also expects to receive it itself. */
export const HEARTBEAT_MS = 1000;
/** How long an own message may take to come back before this server counts as deaf. */
const ECHO_DEADLINE_MS = 3000;
/** How often the deadline is checked. If a check is late by more than this, the process was stalled. */
const LOOK_MS = 250;
/** The resolution of the recorded send times. Deafness is reported at most this much too early. */
const SLOT_MS = 20;

export interface HearingEvents {
  /** Publish a heartbeat now. */
  beat(): void;
  /** One of this server's own messages came back, for the first time since `begin`. */
  echoed(): void;
  /** No own message came back within the deadline. */
  deaf(silentMs: number): void;
  /** Called about four times a second, also while this server is deaf. `lateMs`: how long this process was stalled. */
  look(lateMs: number): void;
}

/**
 * Proves that this server hears the other servers: its own messages must come back through Redis, as theirs do. The
 * heartbeat is the probe, so an idle server proves it once a second, and a busy one with every message.
 */
export class Hearing {
  private cancelLooks: Cancel | undefined;
  private lookedAt = 0;
  private beatAt = 0;
  private proving = false;
  private heard = false;
  /** The number of the first own message since `begin`; `undefined` before that. */
  private firstNumber: number | undefined;
  /** Own messages that must come back: the first of each slot, oldest first. */
  private awaited: { readonly number: number; readonly sentAt: number }[] = [];
  private provenUntil: number;
  /** How long the last own message took to come back. Messages that arrive now were not sent much earlier than that. */
  private echoLagMs = 0;
  /** The same without the time for which this process was stalled meanwhile. */
  private echoTravelMs = 0;
  /** How long this process was stalled while own messages were awaited, which may have arrived but are still unread. */
  private excusedMs = 0;
  /** The most by which a look was late since `takeDelay` was called. */
  private delayMs = 0;

  constructor(
    private readonly clock: Pick<Clock, 'now' | 'every'>,
    private readonly events: HearingEvents,
  ) {
    this.provenUntil = clock.now();
  }

  /** This server has heard everything that Redis accepted before this time, on channels that were subscribed then. */
  get heardUntil(): number {
    return this.provenUntil;
  }

  /** How long ago a message that arrives now may have been sent, in milliseconds. */
  get lagMs(): number {
    return this.echoLagMs;
  }

  /** How long a message takes through Redis at the moment, in milliseconds. */
  get travelMs(): number {
    return this.echoTravelMs;
  }

  /**
   * A heartbeat that a peer sent at this time has arrived, so everything that Redis accepted before it has arrived too.
   * If only the publisher link is broken, no echo returns although this server hears everything. Then this keeps the loss
   * report from beginning too early.
   */
  witness(sentAt: number): void {
    if (this.proving) this.prove(sentAt - this.echoLagMs);
  }

  /** The most by which a look was late since the last call, in milliseconds. */
  takeDelay(): number {
    const { delayMs } = this;
    this.delayMs = 0;
    return delayMs;
  }

  start(): void {
    this.lookedAt = this.clock.now();
    this.cancelLooks = this.clock.every(LOOK_MS, () => this.look());
  }

  stop(): void {
    this.cancelLooks?.();
    this.end();
  }

  /** The links are up and the channels subscribed, so own messages must come back from now on. */
  begin(): void {
    this.end();
    this.proving = true;
    this.heard = false;
    this.beat();
  }

  /** The links are down. */
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
    // A message that was sent on the old links proves nothing about the new ones.
    if (this.firstNumber === undefined || number < this.firstNumber) return;
    let oldest = this.awaited[0];
    const now = this.clock.now();
    const stalledMs = this.excusedMs + this.lateMs(now);
    while (oldest && number >= oldest.number) {
      this.prove(oldest.sentAt);
      this.echoLagMs = now - oldest.sentAt;
      this.echoTravelMs = Math.max(0, this.echoLagMs - stalledMs);
      this.excusedMs = 0;
      this.awaited.shift();
      oldest = this.awaited[0];
    }
    if (this.heard) return;
    this.heard = true;
    this.events.echoed();
  }

  /** How long this process has been stalled since the last look. */
  private lateMs(now: number): number {
    const late = now - this.lookedAt - LOOK_MS;
    return late > LOOK_MS ? late : 0;
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
    const lateMs = this.lateMs(now);
    this.delayMs = Math.max(this.delayMs, now - this.lookedAt - LOOK_MS);
    this.lookedAt = now;
    if (this.awaited.length > 0) this.excusedMs += lateMs;
    this.events.look(lateMs);
    if (!this.proving) return;
    const [oldest] = this.awaited;
    const silentMs = oldest ? now - oldest.sentAt - this.excusedMs : 0;
    if (silentMs > ECHO_DEADLINE_MS) this.events.deaf(silentMs);
    else if (secondOf(now) !== secondOf(this.beatAt)) this.beat();
  }
}

/** All buses of a process send their heartbeats when a second begins, so that these can share a message. */
function secondOf(time: number): number {
  return Math.floor(time / HEARTBEAT_MS);
}
