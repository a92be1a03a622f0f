import type { PendingInvocation } from '../routing/pending-invocation.js';
import {
  ClientResultError,
  ConnectionClosedError,
  ConnectionNotFoundError,
  InvalidResultError,
  InvokeTimeoutError,
  ServerLostError,
} from '../routing/request.errors.js';

/** The options of `invoke` and `invokeAll`. */
export interface InvokeOptions<T> {
  /**
   * How long to wait for the response, in milliseconds: an integer from 1 to 2147483647.
   *
   * @default the module's `invokeTimeout`, 10000
   */
  timeout?: number;
  /** Cancels the call when it is aborted. The client is not notified and may still carry out the request. */
  signal?: AbortSignal;
  /**
   * Validates a client's response and gives it its type. If it throws, the response is an `InvalidResultError` with that
   * `cause`. Without it, the response is returned unchecked.
   */
  parse?: (data: unknown) => T;
}

/** The response of one client, in the form of a `Promise.allSettled` result. */
export type InvokeResponse<T> =
  | { readonly connectionId: string; readonly status: 'fulfilled'; readonly value: T }
  | { readonly connectionId: string; readonly status: 'rejected'; readonly reason: unknown };

/** The responses to `invokeAll`, and what did not respond. */
export interface InvokeAllResult<T> {
  readonly responses: readonly InvokeResponse<T>[];
  readonly missing: {
    /** The ids of servers that died, or did not report in time which connections they invoked. */
    readonly servers: readonly string[];
    /** The ids of connections that were invoked and did not respond: they were too slow, disconnected, or their server died. */
    readonly connections: readonly string[];
  };
}

type Parse<T> = ((data: unknown) => T) | undefined;

/** Returns the response of the one connection that was invoked. Throws if there is none. */
export function singleResult<T>(
  invocation: PendingInvocation,
  connectionId: string,
  timeoutMs: number,
  parse: Parse<T>,
): T {
  const response = invocation.responses.get(connectionId);
  if (response?.outcome === 'data') return parsed(connectionId, response.value, parse);
  if (response?.outcome === 'error') throw new ClientResultError(connectionId, response.value);
  if (response?.outcome === 'unreadable') throw new InvalidResultError(connectionId, response.value);
  if (response) throw new ConnectionClosedError(connectionId);
  const [lost] = invocation.servers.lost;
  if (lost !== undefined) throw new ServerLostError(lost);
  if (invocation.servers.outstanding.length > 0) throw new InvokeTimeoutError(connectionId, timeoutMs);
  throw new ConnectionNotFoundError([connectionId]);
}

export function allResults<T>(invocation: PendingInvocation, parse: Parse<T>): InvokeAllResult<T> {
  const responses: InvokeResponse<T>[] = [];
  const connections = invocation.silentConnections;
  for (const [connectionId, { outcome, value }] of invocation.responses) {
    if (outcome === 'disconnected') connections.push(connectionId);
    else if (outcome === 'error')
      responses.push(rejected(connectionId, new ClientResultError(connectionId, value)));
    else if (outcome === 'unreadable')
      responses.push(rejected(connectionId, new InvalidResultError(connectionId, value)));
    else responses.push(settled(connectionId, value, parse));
  }
  return { responses, missing: { servers: invocation.missingServers, connections } };
}

function settled<T>(connectionId: string, data: unknown, parse: Parse<T>): InvokeResponse<T> {
  try {
    return { connectionId, status: 'fulfilled', value: parsed(connectionId, data, parse) };
  } catch (reason) {
    return rejected(connectionId, reason);
  }
}

function rejected(connectionId: string, reason: unknown): InvokeResponse<never> {
  return { connectionId, status: 'rejected', reason };
}

function parsed<T>(connectionId: string, data: unknown, parse: Parse<T>): T {
  // Without `parse`, the caller is responsible for the type, as with `JSON.parse`.
  if (!parse) return data as T;
  try {
    return parse(data);
  } catch (cause) {
    throw new InvalidResultError(connectionId, cause);
  }
}
