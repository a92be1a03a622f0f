import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  decodeResponse,
  decodeInvocationReply,
  encodeInvocation,
} from '../../lib/protocol/invocation-record.js';
import { encodeHeartbeat } from '../../lib/protocol/heartbeat-record.js';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { MessageFrames } from '../../lib/protocol/message-frames.js';
import { encodeMessage } from '../../lib/protocol/message-record.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { ALL, type TargetRef } from '../../lib/protocol/target.js';
import { PATH, PEER_ID, RoutingServer } from '../support/routing-server.js';

const TIMEOUT_MS = 3000;

let server: RoutingServer;
/** Timers that run while there is no invocation. */
let idleTimers: number;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  server = await new RoutingServer().start();
  server.hears(encodeHeartbeat({ number: 1, sentAt: 0 }));
  idleTimers = vi.getTimerCount();
  return () => server.close();
});
afterEach(() => vi.useRealTimers());

describe('an invocation from another server', () => {
  const receive = (id: string): void => {
    const frames = MessageFrames.of({ event: 'event', data: 1, id });
    const address = { path: PATH, targets: [{ kind: 'all' as const, name: '' }], excluded: [] };
    server.hears(
      encodeInvocation({
        id,
        timeoutMs: TIMEOUT_MS,
        address,
        hasArguments: false,
        payloads: frames.payloads([jsonProtocol]),
      }),
    );
  };
  const responses = (): unknown[] =>
    server.sent(RecordKind.Response).map(({ body }) => {
      const { connectionId, outcome, payload } = decodeResponse(body);
      return [connectionId, outcome, JSON.parse(Buffer.from(payload.bytes).toString()) as unknown];
    });

  it.each([0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 40])(
    'with a timeout of %s ms does not end early',
    async (timeoutMs) => {
      const client = server.client();
      const frames = MessageFrames.of({ event: 'event', data: 1, id: 'q' });
      const address = { path: PATH, targets: [ALL], excluded: [] };
      server.hears(
        encodeInvocation({
          id: 'q',
          timeoutMs,
          address,
          hasArguments: false,
          payloads: frames.payloads([jsonProtocol]),
        }),
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
      encodeInvocation({
        id: 'q',
        timeoutMs: 10,
        address,
        hasArguments: false,
        payloads: frames.payloads([jsonProtocol]),
      }),
    );
    await server.flushed();
    expect(client.received).toEqual([]);
    expect(server.sent(RecordKind.InvocationReply).map(({ body }) => decodeInvocationReply(body))).toEqual([
      { id: 'q', invoked: [] },
    ]);
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

describe('a message from another server without targets', () => {
  it.each<[name: string, excluded: readonly TargetRef[]]>([
    ['without exclusions', []],
    ['with an excluded group', [{ kind: 'group', name: 'g' }]],
  ])('reaches no client, %s', (_name, excluded) => {
    const client = server.client('u');
    const payloads = MessageFrames.of({ event: 'hi', data: 1 }).payloads([jsonProtocol]);
    const message = (targets: readonly TargetRef[]): Buffer =>
      encodeMessage({
        address: { path: PATH, targets, excluded },
        volatile: false,
        hasArguments: false,
        payloads,
      });
    server.hears(message([]));
    expect(client.received).toEqual([]);
    server.hears(message([ALL]));
    expect(client.received).toHaveLength(1);
  });
});
