import type { ClientFrame } from '../protocol/client-frame.js';

/**
 * Frames that are waiting to be written to a socket, in order, as an immutable linked list. All sockets with the same
 * frames share it, so a fan-out to thousands of sockets creates one list, and one buffer that is written to all of them.
 */
export class PendingFrames {
  private lastNext: PendingFrames | undefined;
  private joined: Buffer | undefined;

  private constructor(
    private readonly before: PendingFrames | undefined,
    private readonly frame: ClientFrame | undefined,
    /** The total size of all frames in the list. */
    readonly bytes: number,
  ) {}

  /** Creates an empty list, which others extend. */
  static empty(): PendingFrames {
    return new PendingFrames(undefined, undefined, 0);
  }

  /** Returns this list with one more frame. If called again with the same frame, returns the same list. */
  with(frame: ClientFrame): PendingFrames {
    if (this.lastNext?.frame === frame) return this.lastNext;
    return (this.lastNext = new PendingFrames(this, frame, this.bytes + frame.wire.length));
  }

  list(): ClientFrame[] {
    // Not recursive, because one turn of the event loop may bring tens of thousands of messages.
    const frames = this.frame ? [this.frame] : [];
    for (let node = this.before; node?.frame; node = node.before) frames.push(node.frame);
    return frames.reverse();
  }

  /** All frames as one buffer, which is created once for all sockets. */
  get wire(): Buffer {
    return (this.joined ??= this.join());
  }

  private join(): Buffer {
    const [first, ...others] = this.list().map(({ wire }) => wire);
    if (!first) return Buffer.alloc(0);
    return others.length === 0 ? first : Buffer.concat([first, ...others], this.bytes);
  }
}
