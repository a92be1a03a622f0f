import type { ClientFrame } from '../protocol/client-frame.js';

/**
 * Frames that wait for a socket, in order: a link of a chain, shared by all sockets that wait for the same.
 * A fan-out to thousands of sockets so makes one chain, and one buffer to write to all of them.
 */
export class PendingFrames {
  private lastNext: PendingFrames | undefined;
  private joined: Buffer | undefined;

  private constructor(
    private readonly before: PendingFrames | undefined,
    private readonly frame: ClientFrame | undefined,
    /** Bytes of all frames of the chain. */
    readonly bytes: number,
  ) {}

  /** A chain without frames, to begin others at. */
  static empty(): PendingFrames {
    return new PendingFrames(undefined, undefined, 0);
  }

  /** This chain and one more frame. The same frame again gives the same chain again. */
  with(frame: ClientFrame): PendingFrames {
    if (this.lastNext?.frame === frame) return this.lastNext;
    return (this.lastNext = new PendingFrames(this, frame, this.bytes + frame.wire.length));
  }

  list(): ClientFrame[] {
    // Not recursive: a turn may bring tens of thousands of messages.
    const frames = this.frame ? [this.frame] : [];
    for (let link = this.before; link?.frame; link = link.before) frames.push(link.frame);
    return frames.reverse();
  }

  /** All frames of the chain as one buffer, joined once for all sockets. */
  get wire(): Buffer {
    return (this.joined ??= this.join());
  }

  private join(): Buffer {
    const [first, ...others] = this.list().map(({ wire }) => wire);
    if (!first) return Buffer.alloc(0);
    return others.length === 0 ? first : Buffer.concat([first, ...others], this.bytes);
  }
}
