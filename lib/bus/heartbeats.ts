import { Subject } from 'rxjs';
import { encodeRecord } from '../protocol/envelope.js';
import { encodeHeartbeat } from '../protocol/heartbeat-record.js';
import { RecordKind } from '../protocol/record-kind.js';
import { toError } from '../protocol/thrown.js';
import type { QueuedBeat } from './bus.js';
import type { Move } from './moves.js';
import { PublishRefusedError } from './transport.js';

const ROLL_CALL = encodeRecord(RecordKind.RollCall, Buffer.alloc(0));

export interface HeartbeatEvents {
  publish(record: Buffer): Promise<unknown>;
  failed(cause: Error): void;
  /** How long the slowest recent publish took, in milliseconds. */
  publishMs(): number;
  /** The most by which a timer was late since the previous heartbeat, in milliseconds. */
  timerDelayMs(): number;
  /** The last move of this server's publisher link to another Redis node. */
  moves(): Move;
}

/** Publishes this server's heartbeats. They are numbered, so the other servers notice when they miss one. */
export class Heartbeats {
  private last = 0;
  /** The highest number ever used. Other servers may have heard it even if its publish failed. */
  private highest = 0;
  /** Whether the next heartbeat skips a number, because the other servers may have missed recent messages. */
  private skipsNext = false;
  private answering = false;
  private ended = false;

  readonly queued$ = new Subject<QueuedBeat>();

  constructor(
    private readonly now: () => number,
    private readonly events: HeartbeatEvents,
    private readonly capabilities: number,
  ) {}

  /** @param asking whether to send a roll call, so that the other servers send a heartbeat at once */
  beat(asking: boolean): void {
    if (this.ended) return;
    // A skipped number tells the other servers that they may have missed messages.
    this.last = this.skipsNext ? this.highest + 2 : this.last + 1;
    this.skipsNext = false;
    const number = this.last;
    this.highest = Math.max(this.highest, number);
    const record = this.encode(number);
    this.events.publish(asking ? Buffer.concat([record, ROLL_CALL]) : record).catch((cause: unknown) => {
      // If it was certainly not sent, its number is free again. Otherwise the number must not be used twice.
      if (cause instanceof PublishRefusedError) this.last = Math.min(this.last, number - 1);
      this.events.failed(toError(cause));
    });
    this.queued$.next({ timerDelayMs: this.events.timerDelayMs() });
  }

  /** Sends one heartbeat per turn of the event loop. When a whole farm starts at once, every server sends a roll call. */
  answerRollCall(): void {
    if (this.answering) return;
    this.answering = true;
    setImmediate(() => {
      this.answering = false;
      this.beat(false);
    });
  }

  /** Skips a number in the next heartbeat, because the other servers may have missed recent messages. */
  skip(): void {
    this.skipsNext = true;
  }

  /** Stops. A heartbeat after the goodbye would make the other servers count this one as alive again. */
  end(): void {
    this.ended = true;
    this.queued$.complete();
  }

  private encode(number: number): Buffer {
    const sentAt = this.now();
    const { count, leftAt, arrivedAt } = this.events.moves();
    const moves = { count, leftAgo: sentAt - leftAt, arrivedAgo: sentAt - arrivedAt };
    const { capabilities } = this;
    return encodeHeartbeat({ number, sentAt, publishMs: this.events.publishMs(), moves, capabilities });
  }
}
