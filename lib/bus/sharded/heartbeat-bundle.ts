import { ByteReader, MalformedBytesError } from '../../protocol/byte-reader.js';
import { ByteWriter } from '../../protocol/byte-writer.js';
import { decodeEnvelope } from '../../protocol/envelope.js';
import { RecordKind } from '../../protocol/record-kind.js';

/** The envelope of one partition. */
export interface BundledBeat {
  readonly tag: string;
  readonly envelope: Buffer;
}

/*
 * The heartbeats that a server sends in one turn on the partitions of one node, on the channel of one of them:
 *
 *   u8       magic, 0xB8: tells a bundle from an envelope
 *            beats, until the end, each:
 *              string   the partition's tag
 *              bytes    its envelope, as it would stand alone
 */
const MAGIC = 0xb8;
/** A heartbeat is shorter; what is longer need not be looked into. */
const MAX_HEARTBEAT_BYTES = 128;

export function encodeBundle(beats: readonly BundledBeat[]): Buffer {
  const writer = new ByteWriter().u8(MAGIC);
  for (const { tag, envelope } of beats) writer.string(tag).bytes(envelope);
  return writer.finish();
}

/** The beats in it, or `undefined` where it is no bundle, or a damaged one. */
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

/** Whether this envelope says nothing but that its server is there. */
export function isHeartbeat(envelope: Buffer): boolean {
  if (envelope.length > MAX_HEARTBEAT_BYTES) return false;
  const decoded = decodeEnvelope(envelope);
  if (!decoded.ok || decoded.envelope.records.length === 0) return false;
  return decoded.envelope.records.every(
    ({ kind }) => kind === RecordKind.Heartbeat || kind === RecordKind.RollCall,
  );
}

export interface WaitingBeat extends BundledBeat {
  /** On which it would go alone. */
  readonly channel: string;
  /** Rises with each partition that comes to the node. */
  readonly order: number;
}

interface Waiting extends WaitingBeat {
  readonly sent: (outcome: Promise<void>) => void;
}

/**
 * Collects the heartbeats of a turn and publishes them as one message. The links of a node are one first-in-first-out pipe
 * for all its partitions, so one that comes back on one channel proves that all of them hear. It goes on the channel of the
 * partition that has been on the node for longest, because not everybody may know yet of one that has just come. Where its
 * slot has just moved, all heartbeats are refused, and come a second later on another channel.
 */
export class HeartbeatBundle {
  private waiting: Waiting[] = [];

  constructor(private readonly publish: (channel: string, bytes: Buffer) => Promise<void>) {}

  add(beat: WaitingBeat): Promise<void> {
    if (this.waiting.length === 0) setImmediate(() => this.flush());
    return new Promise((sent) => this.waiting.push({ ...beat, sent }));
  }

  /** Sends what waits now: what is published next must not overtake it. */
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
