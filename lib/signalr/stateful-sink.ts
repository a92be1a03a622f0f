import type { SessionSink } from '../adapter/session-sink.js';
import type { ClientFrame } from '../protocol/client-frame.js';
import type { HubProtocol } from './hub-protocol.js';

/**
 * Writes to a client that may resume its session on another socket. Numbers the messages, from 1, and keeps them until the
 * client has acknowledged them. While the client is away, it only keeps them.
 */
export class StatefulSink implements SessionSink {
  private unacknowledged: ClientFrame[] = [];
  private bytes = 0;
  /** The number of the last message. */
  private last = 0;
  private wakeUp: (() => void)[] = [];
  /** The highest number that the client has acknowledged. */
  private lastAcknowledged = 0;
  private isAway = false;

  constructor(
    private readonly hub: HubProtocol,
    /** Writes to the current socket. */
    private inner: SessionSink,
    private readonly maxBytes: number,
    /** Called when the client cannot come back any more. */
    private readonly onLost: () => void,
  ) {}

  get isFull(): boolean {
    return !this.isAway && this.inner.isFull;
  }

  get isBehind(): boolean {
    return this.isAway || this.inner.isBehind;
  }

  write(frame: ClientFrame, volatile: boolean): void {
    if (volatile && this.isBehind) return;
    this.last++;
    this.unacknowledged.push(frame);
    this.bytes += frame.wire.length;
    if (!this.isAway) this.inner.write(frame, false);
    if (this.bytes <= this.maxBytes) return;
    if (this.isAway) this.onLost();
    else this.forgetOldest();
  }

  /** Writes a message that is not numbered, such as a ping. */
  writeUnnumbered(frame: ClientFrame): void {
    if (!this.isAway) this.inner.write(frame, false);
  }

  /** The client has received the messages up to this number. */
  acknowledged(number: number): void {
    this.lastAcknowledged = Math.max(this.lastAcknowledged, Math.min(number, this.last));
    this.forget(number - this.lastForgotten);
  }

  /** The socket was lost. */
  detach(): void {
    this.isAway = true;
    // What was forgotten cannot be repeated.
    if (this.lastForgotten > this.lastAcknowledged) this.onLost();
  }

  /** The client is back on another socket. Repeats what it has not acknowledged; it drops what it has received already. */
  attach(inner: SessionSink): void {
    this.inner = inner;
    this.isAway = false;
    inner.write(this.hub.sequence(this.lastForgotten + 1), false);
    for (const frame of this.unacknowledged) inner.write(frame, false);
    this.release();
  }

  /** Lets those continue who wait until the client has read more: it never will. */
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
    if (this.isAway) this.onLost();
    else this.inner.close(code, reason);
  }

  /** The number of the last message that is not kept any more. */
  private get lastForgotten(): number {
    return this.last - this.unacknowledged.length;
  }

  /**
   * A client acknowledges once a second, and may be sent more than the limit meanwhile. It cannot come back then, until it
   * has acknowledged what was forgotten. Forgets a quarter at once, because moving the rest takes time.
   */
  private forgetOldest(): void {
    let count = 0;
    for (let bytes = this.bytes; bytes > (this.maxBytes * 3) / 4; count++)
      bytes -= this.unacknowledged[count]?.wire.length ?? bytes;
    this.forget(count);
  }

  private forget(count: number): void {
    if (count <= 0) return;
    for (const { wire } of this.unacknowledged.splice(0, count)) this.bytes -= wire.length;
  }
}
