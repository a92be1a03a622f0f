import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import { PublishRefusedError } from '../../lib/bus/transport.js';
import {
  decodeAnswer,
  decodeAskReply,
  encodeAnswer,
  encodeAsk,
  encodeAskReply,
} from '../../lib/protocol/ask-record.js';
import { encodeHeartbeat } from '../../lib/protocol/heartbeat-record.js';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { MessageFrames } from '../../lib/protocol/message-frames.js';
import { encodeMessage } from '../../lib/protocol/message-record.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { ALL, type TargetRef } from '../../lib/protocol/target.js';
import type { PendingAsk } from '../../lib/routing/pending-ask.js';
import { BackplaneClosedError, InvokeCanceledError } from '../../lib/routing/request.errors.js';
import { NotPublishedError } from '../../lib/routing/routing.errors.js';
import { type Client, PATH, PEER_ID, RoutingServer } from '../support/routing-server.js';

const FAR = `${PEER_ID}.AbCdEfGhIjKl`;
const TIMEOUT_MS = 3000;

let server: RoutingServer;
let signal: AbortSignal;
let abort: AbortController;
/** Timers that run while nothing is asked. */
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

function ask(...ids: string[]): Promise<PendingAsk> {
  const targets = ids.map((name) => ({ kind: 'connection' as const, name }));
  const options = { timeoutMs: TIMEOUT_MS, signal, local: false };
  return server.router.asks.ask({ path: PATH, targets, excluded: [] }, 'question', 1, options);
}

const idOfQuestion = ({ received }: Client): string => (received.at(-1) as { id: string }).id;

/** The id under which the last question went to the peer. */
function idAtPeer(): string {
  const [, text = ''] =
    /"id":"([^"]+)"/.exec(server.sent(RecordKind.Ask).at(-1)?.body.toString() ?? '') ?? [];
  return text;
}

function farAnswers(id: string, value: unknown): void {
  const payload = { protocol: jsonProtocol.code, bytes: Buffer.from(JSON.stringify(value)) };
  server.hears(
    encodeAskReply({ id, asked: [FAR] }),
    encodeAnswer({ id, connectionId: FAR, outcome: 'data', payload }),
  );
}

/** Nothing of the question is kept: no timer, no listener on a signal that may live as long as the app. */
function expectNothingLeft(): void {
  expect(vi.getTimerCount()).toBe(idleTimers);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
}

describe('a question of another server', () => {
  it.each([0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 40])(
    'with a timeout of %s ms ends neither at once nor before its time',
    async (timeoutMs) => {
      const client = server.client();
      const frames = MessageFrames.of({ event: 'question', data: 1, id: 'q' });
      const address = { path: PATH, targets: [ALL], excluded: [] };
      server.hears(encodeAsk({ id: 'q', timeoutMs, address, payloads: frames.payloads([jsonProtocol]) }));
      // A timer beyond Node's reach, and one of 0, would end here.
      vi.advanceTimersByTime(timeoutMs === 1 ? 0 : 2);
      server.router.asks.answer(client.connection, 'q', { outcome: 'data', value: 'yes' });
      await server.flushed();
      const answers = server.sent(RecordKind.Answer).map(({ body }) => decodeAnswer(body).outcome);
      expect(answers).toEqual(['data']);
    },
  );

  it('that addresses nobody asks nobody, and says so', async () => {
    const client = server.client();
    const frames = MessageFrames.of({ event: 'question', data: 1, id: 'q' });
    const address = { path: PATH, targets: [], excluded: [] };
    server.hears(encodeAsk({ id: 'q', timeoutMs: 10, address, payloads: frames.payloads([jsonProtocol]) }));
    await server.flushed();
    expect(client.received).toEqual([]);
    expect(server.sent(RecordKind.AskReply).map(({ body }) => decodeAskReply(body))).toEqual([
      { id: 'q', asked: [] },
    ]);
  });
});

describe('a message of another server that addresses nobody', () => {
  it.each<[name: string, excluded: readonly TargetRef[]]>([
    ['with nobody left out', []],
    ['with somebody left out', [{ kind: 'group', name: 'g' }]],
  ])('reaches nobody, %s', (_name, excluded) => {
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

describe('a question leaves no timer and no listener on its signal', () => {
  it('when an own client has answered', async () => {
    const client = server.client();
    const asked = ask(client.connection.id);
    await server.flushed();
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    server.router.asks.answer(client.connection, idOfQuestion(client), { outcome: 'data', value: 'yes' });
    expect((await asked).answers.get(client.connection.id)).toEqual({ outcome: 'data', value: 'yes' });
    expectNothingLeft();
    expect(client.connection.asks?.size).toBe(0);
  });

  it('when a client of another server has answered', async () => {
    const asked = ask(FAR);
    await server.flushed();
    farAnswers(idAtPeer(), 'far');
    expect((await asked).answers.get(FAR)).toEqual({ outcome: 'data', value: 'far' });
    expectNothingLeft();
  });

  it('and is not kept open, or answered, by a server that was not asked', async () => {
    const asked = ask(FAR);
    await server.flushed();
    const id = idAtPeer();
    const stranger = 'stranger----';
    server.hearsFrom(stranger, encodeAskReply({ id, asked: [`${stranger}.AAAAAAAAAAAA`] }));
    server.hearsFrom(stranger, encodeAskReply({ id, asked: [FAR] }));
    const payload = { protocol: jsonProtocol.code, bytes: Buffer.from('"forged"') };
    server.hearsFrom(stranger, encodeAnswer({ id, connectionId: FAR, outcome: 'data', payload }));
    farAnswers(id, 'far');
    expect((await asked).answers.get(FAR)).toEqual({ outcome: 'data', value: 'far' });
    expectNothingLeft();
  });

  it('when nobody answered in time', async () => {
    const { connection } = server.client();
    const asked = ask(connection.id);
    await server.flushed();
    vi.advanceTimersByTime(TIMEOUT_MS);
    expect((await asked).silentConnections).toEqual([connection.id]);
    expectNothingLeft();
    expect(connection.asks?.size).toBe(0);
  });

  it('when its client has gone', async () => {
    // Another one stays, or the channels of the path would linger.
    server.client();
    const { connection } = server.client();
    const asked = ask(connection.id);
    await server.flushed();
    server.router.remove(connection);
    expect((await asked).answers.get(connection.id)).toMatchObject({ outcome: 'disconnected' });
    await server.flushed();
    expectNothingLeft();
  });

  it('when it is canceled; and what its client may still answer is forgotten with its time', async () => {
    const client = server.client();
    const asked = ask(client.connection.id);
    await server.flushed();
    abort.abort('changed my mind');
    await expect(asked).rejects.toThrow(InvokeCanceledError);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    // A late answer is no mistake of the client's.
    const late = { outcome: 'data', value: 1 } as const;
    expect(server.router.asks.answer(client.connection, idOfQuestion(client), late)).toBe(true);
    vi.advanceTimersByTime(TIMEOUT_MS);
    expectNothingLeft();
    expect(client.connection.asks?.size).toBe(0);
  });

  it('when it is canceled before it begins: nobody is asked', async () => {
    const client = server.client();
    abort.abort();
    await expect(ask(client.connection.id)).rejects.toThrow(InvokeCanceledError);
    expect(client.received).toEqual([]);
    expectNothingLeft();
  });

  it('when Redis refuses it', async () => {
    server.transport.refuses = () => new PublishRefusedError('OOM');
    await expect(ask(FAR)).rejects.toThrow(NotPublishedError);
    expectNothingLeft();
  });

  it('when Redis takes it and does not answer', async () => {
    server.transport.held = new Deferred();
    const asked = ask(FAR);
    await server.flushed();
    vi.advanceTimersByTime(TIMEOUT_MS);
    await asked;
    expectNothingLeft();
    server.transport.held.resolve();
  });

  it('when the app closes', async () => {
    const { connection } = server.client();
    const asked = ask(connection.id);
    await server.flushed();
    const closed = expect(asked).rejects.toThrow(BackplaneClosedError);
    server.router.close();
    await closed;
    expectNothingLeft();
  });

  it('a thousand times with one signal', async () => {
    const client = server.client();
    for (let time = 0; time < 1000; time++) {
      const asked = ask(client.connection.id);
      await Promise.resolve();
      server.router.asks.answer(client.connection, idOfQuestion(client), { outcome: 'data', value: time });
      await asked;
    }
    expectNothingLeft();
  });
});

describe('a question of another server', () => {
  const hears = (id: string): void => {
    const frames = MessageFrames.of({ event: 'question', data: 1, id });
    const address = { path: PATH, targets: [{ kind: 'all' as const, name: '' }], excluded: [] };
    server.hears(
      encodeAsk({ id, timeoutMs: TIMEOUT_MS, address, payloads: frames.payloads([jsonProtocol]) }),
    );
  };
  const answers = (): unknown[] =>
    server.sent(RecordKind.Answer).map(({ body }) => {
      const { connectionId, outcome, payload } = decodeAnswer(body);
      return [connectionId, outcome, JSON.parse(Buffer.from(payload.bytes).toString()) as unknown];
    });

  it('gets whom it asked, and what each answers, on the channel of the server that asked', async () => {
    const client = server.client();
    hears('q1');
    server.router.asks.answer(client.connection, 'q1', { outcome: 'data', value: { a: 1 } });
    await server.flushed();
    const [reply] = server.sent(RecordKind.AskReply);
    expect(reply?.channel).toBe(server.channels.server(PEER_ID));
    expect(decodeAskReply(reply?.body ?? Buffer.alloc(0))).toEqual({
      id: 'q1',
      asked: [client.connection.id],
    });
    expect(answers()).toEqual([[client.connection.id, 'data', { a: 1 }]]);
    expect(vi.getTimerCount()).toBe(idleTimers);
  });

  it('is answered once: a second answer goes nowhere', async () => {
    const client = server.client();
    hears('q1');
    for (const value of [1, 2])
      server.router.asks.answer(client.connection, 'q1', { outcome: 'data', value });
    await server.flushed();
    expect(answers()).toEqual([[client.connection.id, 'data', 1]]);
  });

  it('is answered for a client that goes, and leaves nothing', async () => {
    const { connection } = server.client();
    hears('q1');
    server.router.remove(connection);
    await server.flushed();
    expect(answers()).toEqual([[connection.id, 'disconnected', null]]);
    vi.advanceTimersByTime(TIMEOUT_MS);
    expect(connection.asks?.size).toBe(0);
  });

  it('is not waited for beyond its time', () => {
    const { connection } = server.client();
    hears('q1');
    expect(connection.asks?.size).toBe(1);
    vi.advanceTimersByTime(TIMEOUT_MS);
    expect([connection.asks?.size, vi.getTimerCount()]).toEqual([0, idleTimers]);
  });

  it('is not answered by a client that was not asked', () => {
    const [asked, other] = [server.client(), server.client()];
    server.router.remove(other.connection);
    const late = server.client();
    hears('q1');
    server.router.remove(asked.connection);
    const newcomer = server.client();
    expect(server.router.asks.answer(late.connection, 'q1', { outcome: 'data', value: 1 })).toBe(true);
    hears('q2');
    expect(server.router.asks.answer(newcomer.connection, 'q2', { outcome: 'data', value: 1 })).toBe(true);
    server.router.remove(newcomer.connection);
    const stranger = server.client();
    expect(server.router.asks.answer(stranger.connection, 'q2', { outcome: 'data', value: 1 })).toBe(false);
  });
});
