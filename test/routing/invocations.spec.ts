import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import { PublishRefusedError } from '../../lib/bus/transport.js';
import { encodeResponse, encodeInvocationReply } from '../../lib/protocol/invocation-record.js';
import { encodeHeartbeat } from '../../lib/protocol/heartbeat-record.js';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import type { PendingInvocation } from '../../lib/routing/pending-invocation.js';
import { BackplaneClosedError, InvokeCanceledError } from '../../lib/routing/request.errors.js';
import { NotPublishedError } from '../../lib/routing/routing.errors.js';
import { type Client, PATH, PEER_ID, RoutingServer } from '../support/routing-server.js';

const FAR = `${PEER_ID}.AbCdEfGhIjKl`;
const TIMEOUT_MS = 3000;

let server: RoutingServer;
let signal: AbortSignal;
let abort: AbortController;
/** Timers that run while there is no invocation. */
let idleTimers: number;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  server = await new RoutingServer().start();
  server.hears(encodeHeartbeat({ number: 1, sentAt: 0 }));
  abort = new AbortController();
  ({ signal } = abort);
  idleTimers = vi.getTimerCount();
  return () => server.close();
});
afterEach(() => vi.useRealTimers());

function invoke(...ids: string[]): Promise<PendingInvocation> {
  const targets = ids.map((name) => ({ kind: 'connection' as const, name }));
  const options = { timeoutMs: TIMEOUT_MS, signal, local: false };
  return server.router.invocations.invoke({ path: PATH, targets, excluded: [] }, 'event', 1, options);
}

const idAtClient = ({ received }: Client): string => (received.at(-1) as { id: string }).id;

/** The id of the last invocation that was published to the peer. */
function idAtPeer(): string {
  const [, text = ''] =
    /"id":"([^"]+)"/.exec(server.sent(RecordKind.Invocation).at(-1)?.body.toString() ?? '') ?? [];
  return text;
}

function respondFromPeer(id: string, value: unknown): void {
  const payload = { protocol: jsonProtocol.code, bytes: Buffer.from(JSON.stringify(value)) };
  server.hears(
    encodeInvocationReply({ id, invoked: [FAR] }),
    encodeResponse({ id, connectionId: FAR, outcome: 'data', payload }),
  );
}

/** The invocation left no timer, and no listener on a signal that may live as long as the app. */
function expectNothingLeft(): void {
  expect(vi.getTimerCount()).toBe(idleTimers);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
}

describe('an invocation leaves no timer and no listener on its signal', () => {
  it('when a local client has responded', async () => {
    const client = server.client();
    const invoked = invoke(client.connection.id);
    await server.flushed();
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    server.router.invocations.respond(client.connection, idAtClient(client), {
      outcome: 'data',
      value: 'yes',
    });
    expect((await invoked).responses.get(client.connection.id)).toEqual({ outcome: 'data', value: 'yes' });
    expectNothingLeft();
    expect(client.connection.invocations?.size).toBe(0);
  });

  it('when a client of another server has responded', async () => {
    const invoked = invoke(FAR);
    await server.flushed();
    respondFromPeer(idAtPeer(), 'far');
    expect((await invoked).responses.get(FAR)).toEqual({ outcome: 'data', value: 'far' });
    expectNothingLeft();
  });

  it('when a server that is not concerned sends replies and responses, which are ignored', async () => {
    const invoked = invoke(FAR);
    await server.flushed();
    const id = idAtPeer();
    const stranger = 'stranger----';
    server.hearsFrom(stranger, encodeInvocationReply({ id, invoked: [`${stranger}.AAAAAAAAAAAA`] }));
    server.hearsFrom(stranger, encodeInvocationReply({ id, invoked: [FAR] }));
    const payload = { protocol: jsonProtocol.code, bytes: Buffer.from('"forged"') };
    server.hearsFrom(stranger, encodeResponse({ id, connectionId: FAR, outcome: 'data', payload }));
    respondFromPeer(id, 'far');
    expect((await invoked).responses.get(FAR)).toEqual({ outcome: 'data', value: 'far' });
    expectNothingLeft();
  });

  it('when it times out', async () => {
    const { connection } = server.client();
    const invoked = invoke(connection.id);
    await server.flushed();
    vi.advanceTimersByTime(TIMEOUT_MS);
    expect((await invoked).silentConnections).toEqual([connection.id]);
    expectNothingLeft();
    expect(connection.invocations?.size).toBe(0);
  });

  it('when its client disconnects', async () => {
    // Another client stays. Otherwise the path's channel would linger, which takes a timer.
    server.client();
    const { connection } = server.client();
    const invoked = invoke(connection.id);
    await server.flushed();
    server.router.remove(connection);
    expect((await invoked).responses.get(connection.id)).toMatchObject({ outcome: 'disconnected' });
    await server.flushed();
    expectNothingLeft();
  });

  it('when it is canceled and its client responds late', async () => {
    const client = server.client();
    const invoked = invoke(client.connection.id);
    await server.flushed();
    abort.abort('changed my mind');
    await expect(invoked).rejects.toThrow(InvokeCanceledError);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    // The client did nothing wrong, so it gets no error.
    const late = { outcome: 'data', value: 1 } as const;
    expect(server.router.invocations.respond(client.connection, idAtClient(client), late)).toBe(true);
    vi.advanceTimersByTime(TIMEOUT_MS);
    expectNothingLeft();
    expect(client.connection.invocations?.size).toBe(0);
  });

  it('when it is canceled before it begins, and no client is invoked', async () => {
    const client = server.client();
    abort.abort();
    await expect(invoke(client.connection.id)).rejects.toThrow(InvokeCanceledError);
    expect(client.received).toEqual([]);
    expectNothingLeft();
  });

  it('when Redis refuses it', async () => {
    server.transport.refuses = () => new PublishRefusedError('OOM');
    await expect(invoke(FAR)).rejects.toThrow(NotPublishedError);
    expectNothingLeft();
  });

  it('when Redis does not reply to the publish', async () => {
    server.transport.held = new Deferred();
    const invoked = invoke(FAR);
    await server.flushed();
    vi.advanceTimersByTime(TIMEOUT_MS);
    await invoked;
    expectNothingLeft();
    server.transport.held.resolve();
  });

  it('when the app closes', async () => {
    const { connection } = server.client();
    const invoked = invoke(connection.id);
    await server.flushed();
    const closed = expect(invoked).rejects.toThrow(BackplaneClosedError);
    server.router.close();
    await closed;
    expectNothingLeft();
  });

  it('a thousand times with one signal', async () => {
    const client = server.client();
    for (let time = 0; time < 1000; time++) {
      const invoked = invoke(client.connection.id);
      await Promise.resolve();
      server.router.invocations.respond(client.connection, idAtClient(client), {
        outcome: 'data',
        value: time,
      });
      await invoked;
    }
    expectNothingLeft();
  });
});
