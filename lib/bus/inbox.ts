import { MalformedBytesError } from '../protocol/byte-reader.js';
import { type DecodedEnvelope, decodeEnvelope, type Envelope } from '../protocol/envelope.js';
import { decodeHeartbeat } from '../protocol/heartbeat-record.js';
import { RecordKind } from '../protocol/record-kind.js';
import type { RecordReceiver } from './bus.js';
import { ReportedError } from './bus.errors.js';
import type { Hearing } from './hearing.js';
import type { OutageReports } from './outage-reports.js';
import type { Peers } from './peers.js';

type Unreadable = Extract<DecodedEnvelope, { ok: false }>;

export interface InboxEvents {
  readonly receive: RecordReceiver;
  /** One of this server's own envelopes came back. */
  echo(number: number, channel: Buffer): void;
  /** Another server wants a heartbeat from every server. */
  rollCall(): void;
  report(error: ReportedError): void;
}

/** Reads every message that arrives: passes on new records, drops duplicates and garbage, and reports losses. */
export class Inbox {
  readonly count = { received: 0, duplicates: 0, malformed: 0, unknownVersion: 0 };
  /** The number of this server's last heartbeat that came back; `undefined` after a link change. */
  private ownBeat: number | undefined;

  constructor(
    private readonly serverId: string,
    private readonly now: () => number,
    private readonly peers: Peers,
    private readonly hearing: Hearing,
    private readonly outage: OutageReports,
    private readonly events: InboxEvents,
  ) {}

  /** Accepts any number for the next own heartbeat, because those that were in flight on the old links may not arrive. */
  expectAnyBeat(): void {
    this.ownBeat = undefined;
  }

  /** Never throws, so a malformed message cannot stop the next one. */
  read(bytes: Buffer, channel: Buffer): void {
    const decoded = decodeEnvelope(bytes);
    if (!decoded.ok) return this.drop(decoded, bytes.length);
    try {
      if (decoded.envelope.origin === this.serverId) this.readOwn(decoded.envelope, channel);
      else this.readOther(decoded.envelope, bytes.length);
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
      this.drop({ ok: false, reason: 'malformed' }, bytes.length);
    }
  }

  private readOwn({ number, records }: Envelope, channel: Buffer): void {
    const { heardUntil } = this.hearing;
    this.hearing.echo(number);
    this.events.echo(number, channel);
    for (const { kind, body } of records) {
      if (kind !== RecordKind.Heartbeat) continue;
      const { number: beat } = decodeHeartbeat(body);
      const skipped = this.ownBeat !== undefined && beat > this.ownBeat + 1;
      this.ownBeat = beat;
      // Redis accepted a heartbeat but did not deliver it, so it may have dropped other messages too.
      if (skipped)
        this.outage.missed({ channels: 'all', from: heardUntil, to: this.now(), certainty: 'possible' });
    }
  }

  private readOther({ origin, number, records }: Envelope, length: number): void {
    const news = this.peers.heard(origin, number, this.hearing.lagMs);
    if (news === 'impossible') return this.drop({ ok: false, reason: 'malformed' }, length);
    if (news === 'old') {
      this.count.duplicates++;
      return;
    }
    this.count.received++;
    for (const { kind, body } of records) this.dispatch(origin, kind, body);
  }

  private dispatch(origin: string, kind: number, body: Buffer): void {
    if (kind === RecordKind.Goodbye) this.peers.left(origin);
    else if (kind === RecordKind.RollCall) this.events.rollCall();
    else if (kind === RecordKind.Heartbeat) this.readBeat(origin, body);
    else this.events.receive(origin, kind, body);
  }

  private readBeat(origin: string, body: Buffer): void {
    const { number, sentAt, publishMs, moves, capabilities } = decodeHeartbeat(body);
    const witnessed = this.peers.sentAt(origin, sentAt);
    if (witnessed !== undefined) this.hearing.witness(witnessed);
    const now = this.now();
    const { count, leftAgo, arrivedAgo } = moves;
    const move = { count, leftAt: now - leftAgo, arrivedAt: now - arrivedAgo };
    const beat = { number, ageMs: sentAt, publishMs, move, capabilities };
    const { lagMs, travelMs } = this.hearing;
    for (const gap of this.peers.beat(origin, beat, lagMs, travelMs))
      this.outage.missed({ channels: 'all', origin, ...gap, certainty: 'possible' });
  }

  private drop(why: Unreadable, length: number): void {
    if (why.reason !== 'version') {
      this.count.malformed++;
      return this.events.report(
        new ReportedError('decode', `Dropped a ${why.reason} message of ${length} bytes.`),
      );
    }
    this.count.unknownVersion++;
    // A message was missed, and its targets are unknown. Redis accepted it after this server's last own message that came back.
    const { heardUntil } = this.hearing;
    // The sender's heartbeats cannot be read either, so the duration of its publishes is unknown.
    this.outage.missed({ channels: 'all', from: heardUntil, to: this.now(), certainty: 'known' }, Infinity);
    const message = `Dropped an envelope of version ${why.version}, which this release cannot read: servers of different releases share this channel prefix. Upgrade them to the same release.`;
    this.events.report(new ReportedError('decode', message));
  }
}
