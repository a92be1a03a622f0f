import type { ResponseOutcome } from '../protocol/invocation-record.js';
import { MAX_TIMER_MS } from '../protocol/timer-limit.js';
import type { LocalConnection } from './local-connection.js';

/** What a client responded, or that it can no longer respond. */
export interface ClientResponse {
  /** `unreadable`: the response arrived but cannot be decoded; `value` says why. */
  readonly outcome: ResponseOutcome | 'unreadable';
  readonly value: unknown;
}

export type ResponseSender = (connection: LocalConnection, response: ClientResponse) => void;

/** The timeout for a record that says 0, which only a server of another release can send: the default of `invokeTimeout`. */
const UNSTATED_TIMEOUT_MS = 10_000;

interface HeldInvocation {
  readonly connections: Set<LocalConnection>;
  readonly send: ResponseSender;
  readonly timer: NodeJS.Timeout;
}

/** Invocations, from any server, that this server's own clients have not responded to yet. */
export class HeldInvocations {
  private readonly held = new Map<string, HeldInvocation>();
  private closed = false;

  hold(id: string, connections: readonly LocalConnection[], timeoutMs: number, send: ResponseSender): void {
    if (connections.length === 0 || this.closed) return;
    const held: HeldInvocation = {
      connections: new Set(connections),
      send,
      timer: setTimeout(() => this.forget(id, held), timerOf(timeoutMs)),
    };
    this.held.set(id, held);
    for (const connection of connections) (connection.invocations ??= new Set()).add(id);
  }

  /**
   * A client responds. A late response is ignored, because the client cannot know that it is late.
   *
   * @returns false if the invocation is another connection's
   */
  respond(connection: LocalConnection, id: string, response: ClientResponse): boolean {
    const held = this.held.get(id);
    if (!held) return true;
    if (!held.connections.delete(connection)) return false;
    connection.invocations?.delete(id);
    if (held.connections.size === 0) this.forget(id, held);
    held.send(connection, response);
    return true;
  }

  /** The connection is closed, so every invocation that waits for it gets the response `disconnected`. */
  disconnected(connection: LocalConnection): void {
    for (const id of connection.invocations ?? [])
      this.respond(connection, id, { outcome: 'disconnected', value: null });
  }

  close(): void {
    this.closed = true;
    for (const [id, held] of this.held) this.forget(id, held);
  }

  private forget(id: string, held: HeldInvocation): void {
    clearTimeout(held.timer);
    this.held.delete(id);
    for (const connection of held.connections) connection.invocations?.delete(id);
  }
}

/** Another server may send any timeout. One that exceeds Node's limit for timers would fire at once. */
function timerOf(timeoutMs: number): number {
  return timeoutMs > 0 ? Math.min(timeoutMs, MAX_TIMER_MS) : UNSTATED_TIMEOUT_MS;
}
