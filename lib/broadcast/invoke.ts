import type { PendingInvocation } from '../routing/pending-invocation.js';
import {
  ClientResultError,
  ConnectionClosedError,
  ConnectionNotFoundError,
  InvalidResultError,
  InvokeTimeoutError,
  ServerLostError,
} from '../routing/request.errors.js';

export interface InvokeOptions<T> {
  /**
   * How long to wait for the answer, in milliseconds.
   *
   * @default the module's `invokeTimeout`, 10000
   */
  timeout?: number;
  /** Gives the call up when it is aborted. The client is not told. */
  signal?: AbortSignal;
  /** Checks the answer and gives it its type; what it throws becomes the `cause` of an InvalidResultError. */
  parse?: (data: unknown) => T;
}

/** What one client answered: as `Promise.allSettled` has it. */
export type InvokeResponse<T> =
  | { readonly connectionId: string; readonly status: 'fulfilled'; readonly value: T }
  | { readonly connectionId: string; readonly status: 'rejected'; readonly reason: unknown };

export interface InvokeAllResult<T> {
  readonly responses: readonly InvokeResponse<T>[];
  readonly missing: {
    /** Servers that did not say in time whom they asked, or died. */
    readonly servers: readonly string[];
    /** Connections that were asked and did not answer: too slow, disconnected, or their server died. */
    readonly connections: readonly string[];
  };
}

type Parse<T> = ((data: unknown) => T) | undefined;

/** The one answer, or the reason why there is none. */
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
  // Without `parse` the caller vouches for the type, as with JSON.parse.
  if (!parse) return data as T;
  try {
    return parse(data);
  } catch (cause) {
    throw new InvalidResultError(connectionId, cause);
  }
}
