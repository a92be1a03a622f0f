import type { AnswerOutcome } from '../protocol/ask-record.js';
import { MAX_TIMER_MS } from '../protocol/timer-limit.js';
import type { LocalConnection } from './local-connection.js';

/** What a client gave back, or that it cannot give anything any more. */
export interface Answer {
  /** `unreadable`: it came, and is not what a client can send; `value` says why. */
  readonly outcome: AnswerOutcome | 'unreadable';
  readonly value: unknown;
}

export type AnswerSender = (connection: LocalConnection, answer: Answer) => void;

/** How long an answer is awaited when a server of another release says 0, which none of this one does: the default of `invokeTimeout`. */
const UNSTATED_TIMEOUT_MS = 10_000;

interface HeldAsk {
  readonly connections: Set<LocalConnection>;
  readonly send: AnswerSender;
  readonly timer: NodeJS.Timeout;
}

/** Asks that this server's own clients have not answered yet, from any server. */
export class HeldAsks {
  private readonly held = new Map<string, HeldAsk>();
  private closed = false;

  hold(id: string, connections: readonly LocalConnection[], timeoutMs: number, send: AnswerSender): void {
    if (connections.length === 0 || this.closed) return;
    const held: HeldAsk = {
      connections: new Set(connections),
      send,
      timer: setTimeout(() => this.forget(id, held), timerOf(timeoutMs)),
    };
    this.held.set(id, held);
    for (const connection of connections) (connection.asks ??= new Set()).add(id);
  }

  /**
   * A client answers.
   *
   * @returns false when the ask is one of another connection's; a late answer is no mistake of the client's
   */
  answer(connection: LocalConnection, id: string, answer: Answer): boolean {
    const held = this.held.get(id);
    if (!held) return true;
    if (!held.connections.delete(connection)) return false;
    connection.asks?.delete(id);
    if (held.connections.size === 0) this.forget(id, held);
    held.send(connection, answer);
    return true;
  }

  /** The connection is closed: every ask that waits for it ends. */
  disconnected(connection: LocalConnection): void {
    for (const id of connection.asks ?? [])
      this.answer(connection, id, { outcome: 'disconnected', value: null });
  }

  close(): void {
    this.closed = true;
    for (const [id, held] of this.held) this.forget(id, held);
  }

  private forget(id: string, held: HeldAsk): void {
    clearTimeout(held.timer);
    this.held.delete(id);
    for (const connection of held.connections) connection.asks?.delete(id);
  }
}

/** A timeout may come from another server: one that Node cannot time would end the ask at once. */
function timerOf(timeoutMs: number): number {
  return timeoutMs > 0 ? Math.min(timeoutMs, MAX_TIMER_MS) : UNSTATED_TIMEOUT_MS;
}
