import { describe, expect, it } from 'vitest';
import { RedisBackplane } from '../../lib/broadcast/redis-backplane.js';
import type { ConnectionFailure } from '../../lib/bus/bus.js';
import { NotPublishedError } from '../../lib/routing/routing.errors.js';
import type { ChatServer } from '../support/chat-app.js';
import { collect } from '../support/observe.js';
import { connectMember, disconnected, serverPair, userOfQuery, useRedis } from '../support/acceptance.js';
import { RedisInspector } from '../support/redis-inspector.js';
import { delivered, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis({ own: true });

/** A class with its own `toJSON`, whose output must arrive unchanged. */
class Temperature {
  constructor(private readonly kelvin: number) {}

  toJSON(): object {
    return { DegreesCelsius: this.kelvin - 273, camelCased: true, snake_cased: null };
  }
}

interface FailingFactory {
  calls: number;
  readonly failure: Error;
}

/** A connection factory that fails, for example because it cannot look up the address of Redis. */
const failingFactory = (): FailingFactory => ({ calls: 0, failure: new Error('no Redis today') });

const FAILURES = 'FAILURES';
type Collected = ReturnType<typeof collect<ConnectionFailure>>;

/** Starts a server with an observer that subscribes before the backplane starts, like a service of an app. */
function startWith(factory: FailingFactory): Promise<ChatServer> {
  const connectionFactory = (): Promise<never> => {
    factory.calls++;
    return Promise.reject(factory.failure);
  };
  const observer = {
    provide: FAILURES,
    inject: [RedisBackplane],
    useFactory: (backplane: RedisBackplane) => collect(backplane.connectionFailed$),
  };
  const options = { ...farm.options(redis.url), authenticate: userOfQuery, connectionFactory };
  return farm.server(options, { providers: [observer] });
}

describe('Redis', () => {
  it('[S-redis-1] passes the sender’s bytes through without changing the case of names', async () => {
    const [near, far] = await serverPair(farm, redis.url);
    const clients = [await farm.client(near), await farm.client(far)];
    await near.broadcaster.emit('hello', new Temperature(300));
    for (const client of clients)
      expect((await client.next('hello')).data).toEqual({
        DegreesCelsius: 27,
        camelCased: true,
        snake_cased: null,
      });
  });

  it('[S-redis-2] that a connection factory cannot reach is reported once, and local clients are still served', async () => {
    // SignalR refuses every client then. Ours are admitted and served.
    const failing = failingFactory();
    const server = await startWith(failing);
    const failures = server.app.get<Collected>(FAILURES);
    const member = await connectMember(farm, server);
    const seen = failing.calls;

    await expect(server.broadcaster.emit('hello', 1)).rejects.toThrow(NotPublishedError);
    expect((await member.client.next('hello')).data).toBe(1);
    await expect.poll(() => failing.calls, { timeout: 10_000 }).toBeGreaterThan(seen + 2);

    expect(failures.values.map(({ cause }) => cause)).toEqual([failing.failure]);
    await disconnected(member);
    expect(await server.broadcaster.local.emit('hello')).toMatchObject({ local: 0 });
  });

  it('[S-redis-3] has no pattern subscriptions: a user * and a group * are just names', async () => {
    const options = farm.options(redis.url);
    const [near, far] = await serverPair(farm, redis.url, { ...options, authenticate: userOfQuery });
    const star = await connectMember(farm, far, '*');
    const other = await connectMember(farm, far, 'other');
    await star.connection.join('*');
    await other.connection.join('other');
    const inspector = farm.ending(new RedisInspector(redis.url));

    await near.broadcaster.user('*').emit('hello', 'user *');
    await near.broadcaster.group('*').emit('hello', 'group *');
    await near.broadcaster.user('other').emit('hello', 'user other');
    await near.broadcaster.group('other').emit('hello', 'group other');

    await delivered(near, star.client, other.client);
    expect(star.client.dataOf('hello')).toEqual(['user *', 'group *']);
    expect(other.client.dataOf('hello')).toEqual(['user other', 'group other']);
    expect(await inspector.client.pubsub('NUMPAT')).toBe(0);
  });
});

it('A failing connection factory is not called again after the app has closed', async () => {
  const [closed, control] = [failingFactory(), failingFactory()];
  const [server] = await Promise.all([startWith(closed), startWith(control)]);

  await server.app.close();

  // A second server that stays open shows how often the closed one would have retried.
  const [calls, controlCalls] = [closed.calls, control.calls];
  await expect.poll(() => control.calls, { timeout: 15_000 }).toBeGreaterThan(controlCalls + 8);
  expect(closed.calls).toBe(calls);
});
