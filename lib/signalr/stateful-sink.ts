import type { SessionSink } from '../adapter/session-sink.js';
import type { EdgeCounters } from '../broadcast/edge-counters.js';
import type { ClientFrame } from '../protocol/client-frame.js';
import type { HubProtocol } from './hub-protocol.js';

/**
 * Writes to a client that may resume its session on another socket. It numbers the messages from 1 and keeps each one until
 * the client has acknowledged it. While the client is disconnected, it only keeps them.
 */
export class StatefulSink implements SessionSink {
  /** The messages that the client has not acknowledged. The first `forgotten` elements are empty. */
  private frames: (ClientFrame | undefined)[] = [];
  private forgotten = 0;
  private bytes = 0;
  /** The number of the last message. */
  private last = 0;
  private wakeUp: (() => void)[] = [];
  /** The highest number that the client has acknowledged. */
  private lastAcknowledged = 0;
  private isAway = false;
  private isLost = false;

  constructor(
    private readonly hub: HubProtocol,
    /** Writes to the current socket. */
    private inner: SessionSink,
    private readonly maxBytes: number,
    private readonly counters: Pick<EdgeCounters, 'volatileDropped'>,
    /** Called when the client can no longer resume its session. */
    private readonly onLost: () => void,
  ) {}

  get isFull(): boolean {
    return !this.isAway && this.inner.isFull;
  }

  get isBehind(): boolean {
    return this.isAway || this.inner.isBehind;
  }

  get isSlow(): boolean {
    return this.isAway || this.inner.isSlow;
  }

  write(frame: ClientFrame, volatile: boolean): void {
    if (this.isLost) return;
    if (volatile && this.isSlow) {
      this.counters.volatileDropped++;
      return;
    }
    this.last++;
    this.frames.push(frame);
    this.bytes += frame.wire.length;
    if (!this.isAway) this.inner.write(frame, false);
    if (this.bytes <= this.maxBytes) return;
    if (this.isAway) this.lose();
    else this.forgetOldest();
  }

  /** Writes a message that is not numbered, such as a ping. */
  writeUnnumbered(frame: ClientFrame): void {
    if (!this.isAway) this.inner.write(frame, false);
  }

  /** Called when the client has acknowledged all messages up to this number. */
  acknowledged(number: number): void {
    this.lastAcknowledged = Math.max(this.lastAcknowledged, Math.min(number, this.last));
    this.forget(number - this.lastForgotten);
  }

  /** Called when the socket was lost. */
  detach(): void {
    this.isAway = true;
  }

  /** Whether the client could resume its session. False if it may need a message that is no longer kept. */
  get canResume(): boolean {
    return !this.isLost && this.lastForgotten <= this.lastAcknowledged;
  }

  /** Continues on another socket. Repeats unacknowledged messages; the client ignores those that it already has. */
  attach(inner: SessionSink): void {
    this.inner = inner;
    this.isAway = false;
    inner.write(this.hub.sequence(this.lastForgotten + 1), false);
    for (const frame of this.frames) if (frame) inner.write(frame, false);
    this.release();
  }

  /** Resolves all pending `drained()` promises. */
  release(): void {
    for (const resolve of this.wakeUp.splice(0)) resolve();
  }

  drained(): Promise<void> {
    if (!this.isAway) return this.inner.drained();
    return new Promise((resolve) => this.wakeUp.push(resolve));
  }

  flush(): void {
    this.inner.flush();
  }

  pong(payload: Buffer): void {
    this.inner.pong(payload);
  }

  close(code: number, reason: string): void {
    if (!this.isAway) this.inner.close(code, reason);
  }

  /** The number of the last message that is no longer kept. */
  private get lastForgotten(): number {
    return this.last - this.frames.length + this.forgotten;
  }

  /** Nothing more is kept for the client. */
  private lose(): void {
    this.isLost = true;
    this.onLost();
  }

  /**
   * Drops the oldest messages beyond the limit. A client acknowledges only once a second, and the messages of a second may
   * exceed the limit. Until it has acknowledged the dropped messages, it cannot resume its session.
   */
  private forgetOldest(): void {
    while (this.bytes > this.maxBytes && this.forgotten < this.frames.length) this.forget(1);
  }

  private forget(count: number): void {
    const end = Math.min(this.forgotten + count, this.frames.length);
    for (; this.forgotten < end; this.forgotten++) {
      this.bytes -= this.frames[this.forgotten]?.wire.length ?? 0;
      this.frames[this.forgotten] = undefined;
    }
    // Copying the array is expensive, so it is done only once half of it is empty.
    if (this.forgotten * 2 > this.frames.length) {
      this.frames = this.frames.slice(this.forgotten);
      this.forgotten = 0;
    }
  }
}
