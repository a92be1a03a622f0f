import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import { PublishRefusedError } from '../../lib/bus/transport.js';
import {
  decodeResponse,
  decodeInvocationReply,
  encodeResponse,
  encodeInvocation,
  encodeInvocationReply,
} from '../../lib/protocol/invocation-record.js';
import { encodeHeartbeat } from '../../lib/protocol/heartbeat-record.js';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { MessageFrames } from '../../lib/protocol/message-frames.js';
import { encodeMessage } from '../../lib/protocol/message-record.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { ALL, type TargetRef } from '../../lib/protocol/target.js';
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

describe('an invocation from another server', () => {
  it.each([0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 40])(
    'with a timeout of %s ms does not end early',
    async (timeoutMs) => {
      const client = server.client();
      const frames = MessageFrames.of({ event: 'event', data: 1, id: 'q' });
      const address = { path: PATH, targets: [ALL], excluded: [] };
      server.hears(
        encodeInvocation({ id: 'q', timeoutMs, address, payloads: frames.payloads([jsonProtocol]) }),
      );
      // A timer of 0 ms, or one beyond Node's limit, would have fired by now.
      vi.advanceTimersByTime(timeoutMs === 1 ? 0 : 2);
      server.router.invocations.respond(client.connection, 'q', { outcome: 'data', value: 'yes' });
      await server.flushed();
      const outcomes = server.sent(RecordKind.Response).map(({ body }) => decodeResponse(body).outcome);
      expect(outcomes).toEqual(['data']);
    },
  );

  it('without targets invokes no client, and gets an empty reply', async () => {
    const client = server.client();
    const frames = MessageFrames.of({ event: 'event', data: 1, id: 'q' });
    const address = { path: PATH, targets: [], excluded: [] };
    server.hears(
      encodeInvocation({ id: 'q', timeoutMs: 10, address, payloads: frames.payloads([jsonProtocol]) }),
    );
    await server.flushed();
    expect(client.received).toEqual([]);
    expect(server.sent(RecordKind.InvocationReply).map(({ body }) => decodeInvocationReply(body))).toEqual([
      { id: 'q', invoked: [] },
    ]);
  });
});

describe('a message from another server without targets', () => {
  it.each<[name: string, excluded: readonly TargetRef[]]>([
    ['without exclusions', []],
    ['with an excluded group', [{ kind: 'group', name: 'g' }]],
  ])('reaches no client, %s', (_name, excluded) => {
    const client = server.client('u');
    const payloads = MessageFrames.of({ event: 'hi', data: 1 }).payloads([jsonProtocol]);
    const message = (targets: readonly TargetRef[]): Buffer =>
      encodeMessage({ address: { path: PATH, targets, excluded }, volatile: false, payloads });
    server.hears(message([]));
    expect(client.received).toEqual([]);
    server.hears(message([ALL]));
    expect(client.received).toHaveLength(1);
  });
});

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

describe('an invocation from another server', () => {
  const receive = (id: string): void => {
    const frames = MessageFrames.of({ event: 'event', data: 1, id });
    const address = { path: PATH, targets: [{ kind: 'all' as const, name: '' }], excluded: [] };
    server.hears(
      encodeInvocation({ id, timeoutMs: TIMEOUT_MS, address, payloads: frames.payloads([jsonProtocol]) }),
    );
  };
  const responses = (): unknown[] =>
    server.sent(RecordKind.Response).map(({ body }) => {
      const { connectionId, outcome, payload } = decodeResponse(body);
      return [connectionId, outcome, JSON.parse(Buffer.from(payload.bytes).toString()) as unknown];
    });

  it('is replied to, and each client responds, on the channel of the server that sent it', async () => {
    const client = server.client();
    receive('q1');
    server.router.invocations.respond(client.connection, 'q1', { outcome: 'data', value: { a: 1 } });
    await server.flushed();
    const [reply] = server.sent(RecordKind.InvocationReply);
    expect(reply?.channel).toBe(server.channels.server(PEER_ID));
    expect(decodeInvocationReply(reply?.body ?? Buffer.alloc(0))).toEqual({
      id: 'q1',
      invoked: [client.connection.id],
    });
    expect(responses()).toEqual([[client.connection.id, 'data', { a: 1 }]]);
    expect(vi.getTimerCount()).toBe(idleTimers);
  });

  it('gets only the first of two responses from a client', async () => {
    const client = server.client();
    receive('q1');
    for (const value of [1, 2])
      server.router.invocations.respond(client.connection, 'q1', { outcome: 'data', value });
    await server.flushed();
    expect(responses()).toEqual([[client.connection.id, 'data', 1]]);
  });

  it('gets the response "disconnected" for a client that disconnects', async () => {
    const { connection } = server.client();
    receive('q1');
    server.router.remove(connection);
    await server.flushed();
    expect(responses()).toEqual([[connection.id, 'disconnected', null]]);
    vi.advanceTimersByTime(TIMEOUT_MS);
    expect(connection.invocations?.size).toBe(0);
  });

  it('is forgotten after its timeout', () => {
    const { connection } = server.client();
    receive('q1');
    expect(connection.invocations?.size).toBe(1);
    vi.advanceTimersByTime(TIMEOUT_MS);
    expect([connection.invocations?.size, vi.getTimerCount()]).toEqual([0, idleTimers]);
  });

  it('rejects a response from a client that it did not invoke', () => {
    const [invoked, other] = [server.client(), server.client()];
    server.router.remove(other.connection);
    const late = server.client();
    receive('q1');
    server.router.remove(invoked.connection);
    const newcomer = server.client();
    expect(server.router.invocations.respond(late.connection, 'q1', { outcome: 'data', value: 1 })).toBe(
      true,
    );
    receive('q2');
    expect(server.router.invocations.respond(newcomer.connection, 'q2', { outcome: 'data', value: 1 })).toBe(
      true,
    );
    server.router.remove(newcomer.connection);
    const stranger = server.client();
    expect(server.router.invocations.respond(stranger.connection, 'q2', { outcome: 'data', value: 1 })).toBe(
      false,
    );
  });
});
