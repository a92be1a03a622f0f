import { beforeAll, describe, expect, it } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import { DEAD_AFTER_MS } from '../../lib/bus/peers.js';
import type { Admission } from '../../lib/options/authenticate.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { ConnectionClosedError, ConnectionNotFoundError } from '../../lib/routing/request.errors.js';
import {
  answer,
  autoAnswer,
  connectMember,
  type Member,
  rejection,
  useRedis,
} from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { DrainDelay } from '../support/drain-delay.js';
import { collect, eventually, next } from '../support/observe.js';
import { RawClient, refusal } from '../support/raw-client.js';
import { RedisInspector } from '../support/redis-inspector.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis({ own: true });

interface Draining {
  readonly peer: ChatServer;
  readonly leaving: ChatServer;
  /** A client of the leaving server. */
  readonly member: Member;
  /** Starts the shutdown. Resolves once the app is in its drain delay. */
  readonly drain: () => Promise<void>;
  /** Ends the drain delay. Resolves once the app has closed. */
  readonly end: () => Promise<void>;
}

async function startPair(connection?: string, more: RedisBackplaneOptions = {}): Promise<Draining> {
  const options = { ...farm.options(connection), ...more };
  const peer = await farm.server(options);
  const leaving = await farm.server(options, { providers: [DrainDelay] });
  const delay = leaving.app.get(DrainDelay);
  // If the test fails early, nothing else ends the delay.
  farm.onEnd(() => delay.over.resolve());
  const member = await connectMember(farm, leaving);
  await eventually(() => expect(peer.backplane.delivery().servers).toBe(1));
  await eventually(() => expect(leaving.backplane.delivery().servers).toBe(1));
  let closed: Promise<void> | undefined;
  return {
    peer,
    leaving,
    member,
    drain: () => {
      closed = leaving.app.close();
      return delay.begun.promise;
    },
    end: async () => {
      delay.over.resolve();
      await closed;
    },
  };
}

const connections: [string, () => string | undefined][] = [
  ['Redis', () => redis.url],
  ['memory:', () => undefined],
];

describe.each(connections)('a draining server, over %s', (_name, connection) => {
  it('is not ready, refuses new clients with 503, and is still alive for its peers', async () => {
    const { peer, leaving, drain, end } = await startPair(connection());
    const statuses = collect(peer.backplane.status$);
    await drain();

    expect(leaving.backplane.readiness().up).toBe(false);
    expect(leaving.backplane.delivery().up).toBe(true);
    expect(await refusal(leaving, '/chat')).toBe(503);
    expect(peer.backplane.delivery().servers).toBe(1);
    expect(statuses.values).toEqual([{ state: 'ready' }]);

    await end();
  });

  it('still executes commands, invokes and emits for its clients, from any server', async () => {
    const { peer, leaving, member, drain, end } = await startPair(connection());
    const { client, id } = member;
    autoAnswer(client, 'question', 42);
    await drain();

    for (const { broadcaster } of [peer, leaving]) {
      await broadcaster.connection(id).join('room');
      expect((await broadcaster.group('room').emit('news', 1)).backplane).toBe('accepted');
      await client.next('news');
      expect(await broadcaster.connection(id).invoke('question')).toBe(42);
      expect(await broadcaster.group('room').invokeAll('question')).toEqual({
        responses: [{ connectionId: id, status: 'fulfilled', value: 42 }],
        missing: { servers: [], connections: [] },
      });
      await broadcaster.group('room').leave('room');
      expect([...member.connection.groups]).toEqual([]);
    }
    await peer.broadcaster.connection(id).disconnect(4000);

    expect(await client.closed).toMatchObject({ code: 4000 });
    await end();
  });

  it('still delivers replies to pending invokes, which reject if the client is closed first', async () => {
    const { peer, member, drain, end } = await startPair(connection());
    const { client, id } = member;
    const answered = peer.broadcaster.connection(id).invoke('slow');
    const unanswered = rejection(peer.broadcaster.connection(id).invoke('never'), ConnectionClosedError);
    const collected = peer.broadcaster.invokeAll('never');
    const slow = await client.next('slow');
    await client.count('never', 2);
    await drain();

    answer(client, slow, 'done');
    expect(await answered).toBe('done');
    await end();

    expect((await unanswered).connectionId).toBe(id);
    expect((await collected).missing).toEqual({ servers: [], connections: [id] });
    expect(await client.closed).toMatchObject({ code: 1001 });
  });

  it('says goodbye to its peers after closing its clients, so that no request waits for it', async () => {
    const { peer, member, drain, end } = await startPair(connection());
    const staying = await connectMember(farm, peer);
    autoAnswer(staying.client, 'who', 'me');
    await drain();
    const during = peer.broadcaster.all.join('everyone');
    const ended = performance.now();
    await end();
    await during;

    await eventually(() => expect(peer.backplane.delivery().servers).toBe(0));
    await peer.broadcaster.group('everyone').leave('everyone');
    const { missing, responses } = await peer.broadcaster.invokeAll<string>('who');
    const error = await rejection(
      peer.broadcaster.connection(member.id).join('room'),
      ConnectionNotFoundError,
    );

    expect(missing).toEqual({ servers: [], connections: [] });
    expect(responses).toMatchObject([{ connectionId: staying.id, value: 'me' }]);
    expect(error.connectionIds).toEqual([member.id]);
    // The peer knows from the goodbye. From silence alone it would know later.
    expect(performance.now() - ended).toBeLessThan(DEAD_AFTER_MS);
  });

  it('delivers emits made while it drains and when its clients close', async () => {
    const connected = await startPair(connection());
    const watcher = await connectMember(farm, connected.peer);
    const { leaving } = connected;
    connected.member.connection.socket.once('close', () => void leaving.broadcaster.emit('gone', 1));
    await connected.drain();
    await leaving.broadcaster.emit('draining');
    await connected.end();

    expect((await watcher.client.next('draining')).event).toBe('draining');
    expect((await watcher.client.next('gone')).data).toBe(1);
  });
});

describe('while a server drains', () => {
  let inspector: RedisInspector;
  beforeAll(() => {
    inspector = new RedisInspector(redis.url);
    return () => inspector.close();
  });

  it('a lost link and the loss for its clients are reported', async () => {
    const { peer, leaving, member, drain, end } = await startPair(redis.url);
    await drain();
    const failed = next(leaving.backplane.connectionFailed$);
    const restored = next(leaving.backplane.connectionRestored$);
    const lost = next(leaving.backplane.loss$, ({ path }) => path === '/chat');

    await inspector.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');

    await failed;
    await restored;
    const { affected } = await lost;
    await affected.emit('reload');
    await member.client.next('reload');
    await eventually(() => expect(peer.backplane.status.state).toBe('ready'));
    await peer.broadcaster.connection(member.id).join('after');
    await end();
  });

  it('a client that waits for authenticate is refused with 503 at once, whatever authenticate returns later', async () => {
    const decision = new Deferred<Admission | null>();
    let calls = 0;
    const authenticate = ({ url = '' }: { url?: string }): Promise<Admission | null> => {
      if (!url.includes('slow')) return Promise.resolve({});
      calls++;
      return decision.promise;
    };
    const { leaving, drain, end } = await startPair(undefined, { authenticate });
    const waiting = await RawClient.ask(leaving, '/chat?slow');
    farm.onEnd(() => waiting.socket.destroy());
    await eventually(() => expect(calls).toBe(1));
    const { refused } = leaving.backplane.counters;
    await drain();

    await waiting.until('HTTP/1.1 503 ');
    await waiting.closed;
    decision.resolve({});
    expect(leaving.backplane.counters.refused).toBe(refused + 1);
    await eventually(() => expect(leaving.backplane.counters.connections).toBe(1));
    await end();
  });
});
