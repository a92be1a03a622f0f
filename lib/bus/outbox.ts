import { encodeEnvelope } from '../protocol/envelope.js';
import { toError } from '../protocol/thrown.js';
import type { Accepted } from './bus.js';
import { Deferred } from './deferred.js';
import { PublishDelay } from './publish-delay.js';
import { PublishRefusedError, type Transport } from './transport.js';

/** The size up to which records share an envelope. Beyond 64 KiB, sharing saves nothing. */
const SHARED_BYTES = 64 * 1024;
/** Limit for published bytes that Redis has not confirmed, so that a Redis that hangs cannot exhaust this process's memory. */
const MAX_IN_FLIGHT_BYTES = 32 * 1024 * 1024;

/** An envelope that is being filled, or that Redis has not confirmed yet. */
interface PendingEnvelope {
  readonly channels: readonly string[];
  readonly records: Buffer[];
  bytes: number;
  readonly outcome: Deferred<Accepted>;
  sentAt: number;
}

/**
 * Publishes records in envelopes that are numbered in order. Consecutive records of one tick for the same channels share
 * an envelope and its outcome.
 */
export class Outbox {
  private waiting: PendingEnvelope[] = [];
  /** Sent and not confirmed, oldest first. */
  private readonly inFlight = new Set<PendingEnvelope>();
  private inFlightBytes = 0;
  private number = 0;
  /** Envelopes that Redis certainly did not accept. */
  private refused = 0;
  private readonly delay = new PublishDelay();

  constructor(
    private readonly serverId: string,
    private readonly transport: Pick<Transport, 'publish'>,
    private readonly now: () => number,
    /** How long to wait for Redis to confirm a publish, in milliseconds. */
    private readonly timeoutMs: number,
    /** Called right before the envelope with this number is sent. */
    private readonly onSent: (number: number) => void,
  ) {}

  /** The number of envelopes sent, except those that Redis certainly did not accept. */
  get published(): number {
    return this.number - this.refused;
  }

  /** Whether Redis keeps up. If not, `publish` rejects. */
  get hasRoom(): boolean {
    return this.inFlightBytes <= MAX_IN_FLIGHT_BYTES;
  }

  publish(channels: readonly string[], record: Buffer): Promise<Accepted> {
    if (!this.hasRoom) {
      const reason = `Redis has not answered for the last ${this.inFlightBytes} bytes that were published`;
      return Promise.reject(new PublishRefusedError(reason));
    }
    this.inFlightBytes += record.length * channels.length;
    const envelope = this.envelopeFor(channels, record.length);
    envelope.records.push(record);
    envelope.bytes += record.length;
    return envelope.outcome.promise;
  }

  /** Publishes an envelope without records, after everything that was published before. */
  sendEmpty(channel: string): { readonly number: number; readonly accepted: Promise<Accepted> } {
    this.flush();
    const envelope: PendingEnvelope = {
      channels: [channel],
      records: [],
      bytes: 0,
      outcome: new Deferred(),
      sentAt: 0,
    };
    this.send(envelope);
    return { number: this.number, accepted: envelope.outcome.promise };
  }

  /** How long the slowest recent publish took or has been in flight, in milliseconds. Called with each heartbeat. */
  takeDelay(): number {
    const [oldest] = this.inFlight;
    const ms = Math.max(this.delay.ms, oldest ? this.now() - oldest.sentAt : 0);
    this.delay.next();
    return ms;
  }

  /** Sends the waiting envelopes now instead of at the end of the tick. */
  flush(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const envelope of waiting) this.send(envelope);
  }

  /** Rejects the publishes that have timed out. Whether Redis accepted them is unknown. */
  timeOut(): void {
    const limit = this.now() - this.timeoutMs;
    for (const { sentAt, outcome } of this.inFlight) {
      if (sentAt > limit) return;
      outcome.reject(new Error(`Redis did not answer within ${this.timeoutMs} ms`));
    }
  }

  /** Rejects every publish that Redis has not confirmed. */
  close(): void {
    for (const { outcome } of this.inFlight)
      outcome.reject(new Error('the backplane was closed before Redis answered'));
  }

  private envelopeFor(channels: readonly string[], bytes: number): PendingEnvelope {
    const last = this.waiting.at(-1);
    if (last && last.bytes + bytes <= SHARED_BYTES && sameChannels(last.channels, channels)) return last;
    if (this.waiting.length === 0) process.nextTick(() => this.flush());
    const envelope: PendingEnvelope = { channels, records: [], bytes: 0, outcome: new Deferred(), sentAt: 0 };
    this.waiting.push(envelope);
    return envelope;
  }

  private send(envelope: PendingEnvelope): void {
    envelope.sentAt = this.now();
    this.inFlight.add(envelope);
    const bytes = encodeEnvelope(this.serverId, ++this.number, envelope.records);
    this.onSent(this.number);
    const failures: Error[] = [];
    let awaited = envelope.channels.length;
    const settled = (): void => {
      if (--awaited === 0) this.settle(envelope, failures);
    };
    for (const channel of envelope.channels) {
      this.transport.publish(channel, bytes).then(settled, (reason: unknown) => {
        failures.push(toError(reason));
        settled();
      });
    }
  }

  private settle(envelope: PendingEnvelope, failures: readonly Error[]): void {
    const { channels, bytes, outcome } = envelope;
    this.inFlight.delete(envelope);
    this.inFlightBytes -= bytes * channels.length;
    const [failure] = failures;
    if (!failure) {
      this.delay.add(this.now() - envelope.sentAt);
      return outcome.resolve('accepted');
    }
    const refused =
      failures.length === channels.length && failures.every((error) => error instanceof PublishRefusedError);
    // If only some of the channels were refused, some servers may have received it, so the outcome is unknown.
    if (refused) this.refused++;
    outcome.reject(refused ? failure : new Error(failure.message, { cause: failure }));
  }
}

function sameChannels(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((channel, index) => channel === b[index]));
}
