import type { EdgeCounters } from '../broadcast/edge-counters.js';
import type { Session } from './session.js';

/** How long each slot of the wheel lasts. The connections of a slot are pinged together. */
const TICK_MS = 500;

interface Ping {
  readonly bytesRead: number;
  readonly at: number;
}

/**
 * Detects clients that have vanished, and closes their connections. Each client is pinged once per interval, and any byte
 * that it sends afterwards counts as a sign of life. One timer serves all connections. It spreads them over the slots of a wheel, so that ten
 * thousand are never pinged in one tick.
 */
export class ConnectionHeartbeat {
  private readonly slots: Set<Session>[];
  private readonly timer: NodeJS.Timeout;
  private pendingTick: NodeJS.Immediate | undefined;
  /** The sessions that have shown no sign of life since their ping, oldest ping first. */
  private readonly pinged = new Map<Session, Ping>();
  /** The slot that was pinged last. */
  private currentSlot = 0;
  /** The slot that gets the next connection. */
  private nextSlot = 0;

  constructor(
    intervalMs: number,
    private readonly timeoutMs: number,
    private readonly counters: Pick<EdgeCounters, 'vanished'>,
  ) {
    const count = Math.max(1, Math.floor(intervalMs / TICK_MS));
    this.slots = Array.from({ length: count }, () => new Set());
    // Timers run before the poll phase, so after a stall of the process the pongs may still be unread.
    const scheduleTick = (): void => void (this.pendingTick = setImmediate(() => this.tick()));
    this.timer = setInterval(scheduleTick, Math.min(TICK_MS, intervalMs));
  }

  add(session: Session): void {
    const slot = this.slots[this.nextSlot];
    this.nextSlot = (this.nextSlot + 1) % this.slots.length;
    slot?.add(session);
    session.heartbeatSlot = slot;
  }

  remove(session: Session): void {
    session.heartbeatSlot?.delete(session);
    this.pinged.delete(session);
  }

  close(): void {
    clearInterval(this.timer);
    clearImmediate(this.pendingTick);
    this.pinged.clear();
  }

  private tick(): void {
    this.cutOff();
    this.currentSlot = (this.currentSlot + 1) % this.slots.length;
    for (const session of this.slots[this.currentSlot] ?? []) {
      session.dialect.ping(session);
      const { bytesRead } = session;
      // If the timeout is longer than the interval, the client may have been silent since an earlier ping. That one counts.
      if (this.pinged.get(session)?.bytesRead === bytesRead) continue;
      this.pinged.delete(session);
      this.pinged.set(session, { bytesRead, at: performance.now() });
    }
  }

  private cutOff(): void {
    const limit = performance.now() - this.timeoutMs;
    for (const [session, { bytesRead, at }] of this.pinged) {
      if (at > limit) return;
      this.pinged.delete(session);
      // The socket is not being read, for example because `handleConnection` is running, so no sign of life can arrive.
      if (session.socket.isPaused || !session.isSocketOpen) continue;
      if (session.bytesRead !== bytesRead) continue;
      this.counters.vanished++;
      session.socket.terminate();
    }
  }
}
