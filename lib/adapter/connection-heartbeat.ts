import type { Session } from './session.js';

/** The wheel turns so often; the connections of one slot are pinged together. */
const TICK_MS = 500;

interface Ping {
  readonly bytesRead: number;
  readonly at: number;
}

/**
 * Finds clients that vanished: each is pinged once per interval, and anything that it sends then is a sign of life.
 * Connections are spread over the slots of a wheel, so that ten thousand are never pinged in one tick, and there is
 * one timer for all.
 */
export class ConnectionHeartbeat {
  private readonly slots: Set<Session>[];
  private readonly timer: NodeJS.Timeout;
  private look: NodeJS.Immediate | undefined;
  /** Whose sign of life is waited for, and since when: oldest first. */
  private readonly pinged = new Map<Session, Ping>();
  private turn = 0;
  private nextSlot = 0;

  constructor(
    intervalMs: number,
    private readonly timeoutMs: number,
    private readonly onVanished: (session: Session) => void,
  ) {
    const count = Math.max(1, Math.floor(intervalMs / TICK_MS));
    this.slots = Array.from({ length: count }, () => new Set());
    // Timers come before what there is to read: after a standstill of the process the answers lie unread in the sockets.
    const look = (): void => void (this.look = setImmediate(() => this.tick()));
    this.timer = setInterval(look, Math.min(TICK_MS, intervalMs));
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
    clearImmediate(this.look);
    this.pinged.clear();
  }

  private tick(): void {
    this.cutOff();
    this.turn = (this.turn + 1) % this.slots.length;
    for (const session of this.slots[this.turn] ?? []) {
      session.socket.ping();
      const { bytesRead } = session;
      // Silent since an earlier ping, where the timeout is longer than the interval.
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
      // Whose socket is not read, while handleConnection runs, say, cannot show life.
      if (session.socket.isPaused || !session.isSocketOpen) continue;
      if (session.bytesRead === bytesRead) this.onVanished(session);
    }
  }
}
