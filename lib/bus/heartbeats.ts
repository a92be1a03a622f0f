import { encodeRecord } from '../protocol/envelope.js';
import { encodeHeartbeat } from '../protocol/heartbeat-record.js';
import { RecordKind } from '../protocol/record-kind.js';
import { toError } from '../protocol/thrown.js';
import type { Move } from './moves.js';
import { PublishRefusedError } from './transport.js';

const ROLL_CALL = encodeRecord(RecordKind.RollCall, Buffer.alloc(0));

export interface HeartbeatEvents {
  publish(record: Buffer): Promise<unknown>;
  failed(cause: Error): void;
  /** For how long the slowest publish of late was under way. */
  publishMs(): number;
  /** When this server's publisher link led to another node. */
  moves(): Move;
}

/** Numbers this server's heartbeats, so that the others notice when they miss one. */
export class Heartbeats {
  private last = 0;
  /** The highest number that one ever had: others may have heard it, whatever became of its publish. */
  private highest = 0;
  /** What this server published of late may not have been heard by the others. */
  private unheard = false;
  private answering = false;
  private ended = false;

  constructor(
    private readonly now: () => number,
    private readonly events: HeartbeatEvents,
    private readonly capabilities: number,
  ) {}

  /** @param asking whether the others are asked to send theirs, too */
  beat(asking: boolean): void {
    if (this.ended) return;
    // A number that is skipped tells the others that they may have missed something.
    this.last = this.unheard ? this.highest + 2 : this.last + 1;
    this.unheard = false;
    const number = this.last;
    this.highest = Math.max(this.highest, number);
    const record = this.encode(number);
    this.events.publish(asking ? Buffer.concat([record, ROLL_CALL]) : record).catch((cause: unknown) => {
      // One that was never sent must not count as missed; one that may have been must not come twice.
      if (cause instanceof PublishRefusedError) this.last = Math.min(this.last, number - 1);
      this.events.failed(toError(cause));
    });
  }

  /** Once, however many ask in a turn: a farm that starts as one asks as often as it has servers. */
  answerRollCall(): void {
    if (this.answering) return;
    this.answering = true;
    setImmediate(() => {
      this.answering = false;
      this.beat(false);
    });
  }

  /** What was published of late may not have been heard: the next heartbeat says so. */
  skip(): void {
    this.unheard = true;
  }

  /** One after the goodbye would say the opposite. */
  end(): void {
    this.ended = true;
  }

  private encode(number: number): Buffer {
    const sentAt = this.now();
    const { count, leftAt, arrivedAt } = this.events.moves();
    const moves = { count, leftAgo: sentAt - leftAt, arrivedAgo: sentAt - arrivedAt };
    const { capabilities } = this;
    return encodeHeartbeat({ number, sentAt, publishMs: this.events.publishMs(), moves, capabilities });
  }
}
