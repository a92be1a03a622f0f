import { firstValueFrom } from 'rxjs';
import { filter } from 'rxjs/operators';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  NotJoinedError,
  NotPublishedError,
  PublishOutcomeUnknownError,
} from '../../lib/routing/routing.errors.js';
import type { ChatServer } from '../support/chat-app.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { delivered, join, onlyConnection, turn, useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

const farm = useTestFarm();
let redis: RedisServer;
let server: ChatServer;
let client: WsClient;

beforeEach(async () => {
  redis = await startRedis();
  farm.onEnd(() => redis.stop());
  server = await farm.server(farm.options(redis.url));
  client = await farm.client(server);
});

const state = (wanted: string): Promise<unknown> =>
  firstValueFrom(server.backplane.status$.pipe(filter((status) => status.state === wanted)));

async function lose(): Promise<void> {
  await redis.kill();
  await state('reconnecting');
}

describe('while Redis is down', () => {
  it('an emit reaches the local clients, then rejects with NotPublishedError and their number', async () => {
    await lose();

    const emit = server.broadcaster.emit('hi', 1);

    await expect(emit).rejects.toThrow(NotPublishedError);
    await expect(emit).rejects.toMatchObject({ local: 1 });
    expect((await client.next('hi')).data).toBe(1);
  });

  it('an emit that needs no Redis resolves', async () => {
    await lose();
    expect(await server.broadcaster.local.emit('hi')).toEqual({ local: 1, backplane: 'notNeeded' });
    expect(await onlyConnection(server).emit('hi')).toEqual({ local: 1, backplane: 'notNeeded' });
  });

  it('an emit that is not awaited is reported on errors$ and causes no unhandled rejection', async () => {
    await lose();
    const escaped = farm.escapes();
    const failed = firstValueFrom(server.backplane.errors$.pipe(filter(({ stage }) => stage === 'publish')));

    void server.broadcaster.emit('hi');
    void onlyConnection(server).emit('hi');

    expect((await failed).cause).toBeInstanceOf(NotPublishedError);
    await turn();
    expect(escaped).toEqual([]);
  });

  it('a handler that returns the emit sends an `exception` to its client', async () => {
    await lose();
    client.send('say', 'hi');
    await client.next('exception');
    expect(client.dataOf('said')).toEqual(['hi']);
  });

  it('a join rejects with NotJoinedError and is rolled back, but a leave succeeds', async () => {
    const connection = onlyConnection(server);
    await connection.join('before');
    await lose();

    const joining = connection.join('g');

    await expect(joining).rejects.toThrow(NotJoinedError);
    await expect(joining).rejects.toMatchObject({ group: 'g' });
    expect([...connection.groups]).toEqual(['before']);
    expect(await server.broadcaster.local.group('g').emit('hi')).toMatchObject({ local: 0 });
    await connection.leave('before');
    expect(connection.groups.size).toBe(0);
  });

  it('a new client is admitted and served', async () => {
    await lose();
    const late = await farm.client(server);
    expect(await server.broadcaster.local.emit('hi')).toMatchObject({ local: 2 });
    await late.next('hi');
  });
});

describe('when Redis is lost', () => {
  it('a join in progress rejects with NotJoinedError and is rolled back', async () => {
    redis.freeze();
    const joining = onlyConnection(server).join('g');
    const outcome = expect(joining).rejects.toThrow(NotJoinedError);

    await redis.kill();

    await outcome;
    expect(onlyConnection(server).groups.size).toBe(0);
  });

  it('an emit in progress rejects with PublishOutcomeUnknownError because it has been written', async () => {
    redis.freeze();
    const emit = server.broadcaster.emit('hi');
    const outcome = expect(emit).rejects.toThrow(PublishOutcomeUnknownError);
    await client.next('hi');

    await redis.kill();

    await outcome;
    await expect(emit).rejects.toMatchObject({ local: 1 });
  });

  it('a volatile emit in progress resolves as skipped, like one that was not written', async () => {
    redis.freeze();
    const emit = server.broadcaster.volatile.emit('hi');
    await client.next('hi');
    await redis.kill();
    expect(await emit).toEqual({ local: 1, backplane: 'skipped' });
  });
});

describe('when Redis is back', () => {
  it('emits and joins work again, earlier joins still apply, and failed emits stay unsent', async () => {
    const far = await farm.server(farm.options(redis.url));
    const connection = onlyConnection(server);
    await connection.join('old');
    await Promise.all([lose(), firstValueFrom(far.backplane.connectionFailed$)]);
    await expect(far.broadcaster.emit('hi', 'lost')).rejects.toThrow(NotPublishedError);
    await expect(connection.join('new')).rejects.toThrow(NotJoinedError);
    const back = [server, far].map(({ backplane }) => firstValueFrom(backplane.connectionRestored$));

    await redis.start();

    await Promise.all(back);
    await join(client, 'new');
    await far.broadcaster.group('old').emit('hi', 'old');
    await far.broadcaster.group('new').emit('hi', 'new');
    await delivered(far, client);
    expect(client.dataOf('hi')).toEqual(['old', 'new']);
  });
});
