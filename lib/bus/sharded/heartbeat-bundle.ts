import { ByteReader, MalformedBytesError } from '../../protocol/byte-reader.js';
import { ByteWriter } from '../../protocol/byte-writer.js';
import { decodeEnvelope } from '../../protocol/envelope.js';
import { RecordKind } from '../../protocol/record-kind.js';
import { MAX_CARD_BYTES } from '../../protocol/server-card.js';

/** One partition's heartbeat. */
export interface BundledBeat {
  readonly tag: string;
  readonly envelope: Buffer;
}

/*
 * The heartbeats of one server for all partitions on one Redis node, published on the channel of one of the partitions:
 *
 *   u8       magic, 0xB8: tells a bundle from an envelope
 *            beats, until the end, each:
 *              string   the partition's tag
 *              bytes    its envelope, as if it were published alone
 */
const MAGIC = 0xb8;
/** Every heartbeat is shorter, with its card, so longer envelopes need not be decoded. */
const MAX_HEARTBEAT_BYTES = 128 + MAX_CARD_BYTES;
const HEARTBEAT_KINDS: readonly number[] = [RecordKind.Heartbeat, RecordKind.RollCall, RecordKind.Card];

export function encodeBundle(beats: readonly BundledBeat[]): Buffer {
  const writer = new ByteWriter().u8(MAGIC);
  for (const { tag, envelope } of beats) writer.string(tag).bytes(envelope);
  return writer.finish();
}

/** @returns the heartbeats, or `undefined` if the bytes are not a bundle or are malformed */
export function decodeBundle(bytes: Buffer): readonly BundledBeat[] | undefined {
  if (bytes[0] !== MAGIC) return undefined;
  const reader = new ByteReader(bytes.subarray(1));
  const beats: BundledBeat[] = [];
  try {
    while (!reader.atEnd) beats.push({ tag: reader.string(), envelope: reader.bytes() });
    return beats;
  } catch (error) {
    if (error instanceof MalformedBytesError) return undefined;
    throw error;
  }
}

/** Whether this envelope contains nothing but a heartbeat, a roll call or a card. */
export function isHeartbeat(envelope: Buffer): boolean {
  if (envelope.length > MAX_HEARTBEAT_BYTES) return false;
  const decoded = decodeEnvelope(envelope);
  if (!decoded.ok || decoded.envelope.records.length === 0) return false;
  return decoded.envelope.records.every(({ kind }) => HEARTBEAT_KINDS.includes(kind));
}

export interface WaitingBeat extends BundledBeat {
  /** The channel on which it would be published alone. */
  readonly channel: string;
  /** Increases with each partition that moves to the node. */
  readonly order: number;
}

interface Waiting extends WaitingBeat {
  readonly sent: (outcome: Promise<void>) => void;
}

/**
 * Publishes the heartbeats of one turn of the event loop as one message. The links to a node are one first-in, first-out
 * pipe for all partitions there, so one message that comes back proves that all of them hear. The message uses the channel
 * of the partition that has been on the node the longest, because other servers may not know yet that a newer one has
 * moved there. If that partition's slot has just moved away, the node refuses the whole message, and the next heartbeats,
 * a second later, use another channel.
 */
export class HeartbeatBundle {
  private waiting: Waiting[] = [];

  constructor(private readonly publish: (channel: string, bytes: Buffer) => Promise<void>) {}

  add(beat: WaitingBeat): Promise<void> {
    if (this.waiting.length === 0) setImmediate(() => this.flush());
    return new Promise((sent) => this.waiting.push({ ...beat, sent }));
  }

  /** Publishes the waiting heartbeats now, so that the next message cannot overtake them. */
  flush(): void {
    const { waiting } = this;
    this.waiting = [];
    const [oldest] = waiting.toSorted((a, b) => a.order - b.order);
    if (!oldest) return;
    const bytes = waiting.length === 1 ? oldest.envelope : encodeBundle(waiting);
    const outcome = this.publish(oldest.channel, bytes);
    for (const { sent } of waiting) sent(outcome);
  }
}
