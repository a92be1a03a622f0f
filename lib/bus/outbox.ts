import { encodeEnvelope } from '../protocol/envelope.js';
import { toError } from '../protocol/thrown.js';
import type { Accepted } from './bus.js';
import { Deferred } from './deferred.js';
import { PublishDelay } from './publish-delay.js';
import { PublishRefusedError, type Transport } from './transport.js';

/** An envelope is not filled further than this: past 64 KiB sharing saves nothing. */
const SHARED_BYTES = 64 * 1024;
/** Bytes whose reply is awaited: a Redis that answers no more must not fill this process. */
const MAX_IN_FLIGHT_BYTES = 32 * 1024 * 1024;

interface Parcel {
  readonly channels: readonly string[];
  readonly records: Buffer[];
  bytes: number;
  readonly outcome: Deferred<Accepted>;
  sentAt: number;
}

/**
 * Numbers what this server publishes, in the order in which it was given. Adjacent records of a tick for
 * the same channels share an envelope, and its outcome.
 */
export class Outbox {
  private parcels: Parcel[] = [];
  /** Sent, and not answered: oldest first. */
  private readonly inFlight = new Set<Parcel>();
  private inFlightBytes = 0;
  private number = 0;
  /** Envelopes that Redis certainly did not take. */
  private refused = 0;
  private readonly delay = new PublishDelay();

  constructor(
    private readonly serverId: string,
    private readonly transport: Pick<Transport, 'publish'>,
    private readonly now: () => number,
    /** How long a reply is waited for, in milliseconds. */
    private readonly timeoutMs: number,
    /** The envelope of this number is being handed to Redis. */
    private readonly onSent: (number: number) => void,
  ) {}

  /** Envelopes handed to Redis, without those that it certainly did not take. */
  get published(): number {
    return this.number - this.refused;
  }

  /** Whether Redis keeps up: otherwise `publish` refuses. */
  get hasRoom(): boolean {
    return this.inFlightBytes <= MAX_IN_FLIGHT_BYTES;
  }

  publish(channels: readonly string[], record: Buffer): Promise<Accepted> {
    if (!this.hasRoom) {
      const reason = `Redis has not answered for the last ${this.inFlightBytes} bytes that were published`;
      return Promise.reject(new PublishRefusedError(reason));
    }
    this.inFlightBytes += record.length * channels.length;
    const parcel = this.parcelFor(channels, record.length);
    parcel.records.push(record);
    parcel.bytes += record.length;
    return parcel.outcome.promise;
  }

  /** Publishes an envelope without records, behind everything else that was given before. */
  sendEmpty(channel: string): { readonly number: number; readonly accepted: Promise<Accepted> } {
    this.flush();
    const parcel: Parcel = { channels: [channel], records: [], bytes: 0, outcome: new Deferred(), sentAt: 0 };
    this.send(parcel);
    return { number: this.number, accepted: parcel.outcome.promise };
  }

  /** For how long the slowest publish of late was under way, or is: called with each heartbeat. */
  takeDelay(): number {
    const [oldest] = this.inFlight;
    const ms = Math.max(this.delay.ms, oldest ? this.now() - oldest.sentAt : 0);
    this.delay.next();
    return ms;
  }

  /** Sends now what the end of the tick would send. */
  flush(): void {
    const { parcels } = this;
    this.parcels = [];
    for (const parcel of parcels) this.send(parcel);
  }

  /** Gives up what Redis should have answered by now: whether it was published is unknown. */
  timeOut(): void {
    const limit = this.now() - this.timeoutMs;
    for (const { sentAt, outcome } of this.inFlight) {
      if (sentAt > limit) return;
      outcome.reject(new Error(`Redis did not answer within ${this.timeoutMs} ms`));
    }
  }

  /** Redis is not asked any more: whatever it has not answered is settled now. */
  close(): void {
    for (const { outcome } of this.inFlight)
      outcome.reject(new Error('the backplane was closed before Redis answered'));
  }

  private parcelFor(channels: readonly string[], bytes: number): Parcel {
    const last = this.parcels.at(-1);
    if (last && last.bytes + bytes <= SHARED_BYTES && sameChannels(last.channels, channels)) return last;
    if (this.parcels.length === 0) process.nextTick(() => this.flush());
    const parcel: Parcel = { channels, records: [], bytes: 0, outcome: new Deferred(), sentAt: 0 };
    this.parcels.push(parcel);
    return parcel;
  }

  private send(parcel: Parcel): void {
    parcel.sentAt = this.now();
    this.inFlight.add(parcel);
    const envelope = encodeEnvelope(this.serverId, ++this.number, parcel.records);
    this.onSent(this.number);
    const failures: Error[] = [];
    let awaited = parcel.channels.length;
    const settled = (): void => {
      if (--awaited === 0) this.settle(parcel, failures);
    };
    for (const channel of parcel.channels) {
      this.transport.publish(channel, envelope).then(settled, (reason: unknown) => {
        failures.push(toError(reason));
        settled();
      });
    }
  }

  private settle(parcel: Parcel, failures: readonly Error[]): void {
    const { channels, bytes, outcome } = parcel;
    this.inFlight.delete(parcel);
    this.inFlightBytes -= bytes * channels.length;
    const [failure] = failures;
    if (!failure) {
      this.delay.add(this.now() - parcel.sentAt);
      return outcome.resolve('accepted');
    }
    const refused =
      failures.length === channels.length && failures.every((error) => error instanceof PublishRefusedError);
    // Refused on one channel and taken, or perhaps taken, on another: some may have it.
    if (refused) this.refused++;
    outcome.reject(refused ? failure : new Error(failure.message, { cause: failure }));
  }
}

function sameChannels(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((channel, index) => channel === b[index]));
}
