import type { ClientSession } from './client-session.js';

/** The wheel turns so often; the connections of one slot are pinged together. */
const TICK_MS = 500;

interface Pinged {
  readonly session: ClientSession;
  readonly bytesRead: number;
  readonly at: number;
}

/**
 * Finds clients that vanished: each is pinged once per interval, and anything that it sends then is a sign of life.
 * Connections are spread over the slots of a wheel, so that ten thousand are never pinged in one tick, and there is
 * one timer for all.
 */
export class ConnectionHeartbeat {
  private readonly slots: Set<ClientSession>[];
  private readonly timer: NodeJS.Timeout;
  /** Oldest first. */
  private pinged: Pinged[] = [];
  private turn = 0;
  private nextSlot = 0;

  constructor(
    intervalMs: number,
    private readonly timeoutMs: number,
    private readonly onVanished: (session: ClientSession) => void,
  ) {
    const count = Math.max(1, Math.floor(intervalMs / TICK_MS));
    this.slots = Array.from({ length: count }, () => new Set());
    this.timer = setInterval(() => this.tick(), Math.min(TICK_MS, intervalMs));
  }

  add(session: ClientSession): void {
    const slot = this.slots[this.nextSlot];
    this.nextSlot = (this.nextSlot + 1) % this.slots.length;
    slot?.add(session);
    session.heartbeatSlot = slot;
  }

  remove(session: ClientSession): void {
    session.heartbeatSlot?.delete(session);
  }

  close(): void {
    clearInterval(this.timer);
    this.pinged = [];
  }

  private tick(): void {
    this.cutOff();
    this.turn = (this.turn + 1) % this.slots.length;
    for (const session of this.slots[this.turn] ?? []) {
      session.socket.ping();
      this.pinged.push({ session, bytesRead: session.bytesRead, at: performance.now() });
    }
  }

  private cutOff(): void {
    const limit = performance.now() - this.timeoutMs;
    const young = this.pinged.findIndex(({ at }) => at > limit);
    const due = this.pinged.splice(0, young < 0 ? this.pinged.length : young);
    for (const { session, bytesRead } of due) {
      // Whose socket is not read, while handleConnection runs, say, cannot show life.
      if (session.socket.isPaused || !session.isOpen) continue;
      if (session.bytesRead === bytesRead) this.onVanished(session);
    }
  }
}
