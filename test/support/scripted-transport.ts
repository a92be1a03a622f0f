import type { Deferred } from '../../lib/bus/deferred.js';
import type { Transport, TransportEvents } from '../../lib/bus/transport.js';
import { decodeEnvelope } from '../../lib/protocol/envelope.js';
import { decodeHeartbeat } from '../../lib/protocol/heartbeat-record.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';

/** A transport whose events the test controls. It accepts every command by default. */
export class ScriptedTransport implements Transport {
  readonly published: Buffer[] = [];
  /** The channel of each envelope in `published`. */
  readonly channels: string[] = [];
  closed = 0;
  /** If set, publishes wait for it. */
  held: Deferred | undefined;
  /** Returns the error that a publish rejects with, or `undefined` to accept it. */
  refuses: (channel: string, bytes: Buffer) => Error | undefined = () => undefined;
  /** If set, subscribes wait for it. */
  subscribing: Deferred | undefined;
  private events: TransportEvents | undefined;

  open(events: TransportEvents): Promise<void> {
    this.events = events;
    return Promise.resolve();
  }

  publish(channel: string, bytes: Buffer): Promise<void> {
    const refusal = this.refuses(channel, bytes);
    if (refusal) return Promise.reject(refusal);
    if (isAudit(bytes)) return this.deliver(bytes, channel);
    this.published.push(bytes);
    this.channels.push(channel);
    return this.held?.promise ?? Promise.resolve();
  }

  subscribe: Transport['subscribe'] = () => this.subscribing?.promise ?? Promise.resolve();
  unsubscribe: Transport['unsubscribe'] = () => Promise.resolve();
  reset = (): void => undefined;

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }

  /** Returns a message that checks a subscription, because subscriptions are never lost here. */
  private deliver(bytes: Buffer, channel: string): Promise<void> {
    setImmediate(() => this.events?.message(bytes, Buffer.from(channel)));
    return Promise.resolve();
  }

  get says(): TransportEvents {
    if (!this.events) throw new Error('The transport is not open. Start the bus first.');
    return this.events;
  }

  /** The numbers of all published heartbeats. */
  get beats(): number[] {
    return this.published.flatMap((bytes) => {
      const decoded = decodeEnvelope(bytes);
      const records = decoded.ok ? decoded.envelope.records : [];
      return records
        .filter(({ kind }) => kind === RecordKind.Heartbeat)
        .map(({ body }) => decodeHeartbeat(body).number);
    });
  }

  /** Removes all published envelopes and returns the kinds of the records in each. */
  take(): number[][] {
    this.channels.length = 0;
    return this.published.splice(0).map((bytes) => {
      const decoded = decodeEnvelope(bytes);
      if (!decoded.ok) throw new Error(`The server published an envelope that is ${decoded.reason}.`);
      return decoded.envelope.records.map(({ kind }) => kind);
    });
  }
}

function isAudit(bytes: Buffer): boolean {
  const decoded = decodeEnvelope(bytes);
  return decoded.ok && decoded.envelope.records.length === 0;
}
