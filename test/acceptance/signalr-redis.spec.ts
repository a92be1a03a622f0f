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

/** A class that says itself how it looks in JSON: the sender's word counts. */
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

/** Fails as a factory may that asks a service for the address of Redis. */
const failingFactory = (): FailingFactory => ({ calls: 0, failure: new Error('no Redis today') });

const FAILURES = 'FAILURES';
type Collected = ReturnType<typeof collect<ConnectionFailure>>;

/** Its observer listens before the backplane starts, as a service of the app would. */
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
  it('[S-redis-1] passes the sender’s bytes through: how names are cased is not touched', async () => {
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

  it('[S-redis-2] that a connection factory cannot reach is reported once, and the app is served locally', async () => {
    // The reference refuses every client then; ours are admitted and served.
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

  it('[S-redis-3] a user * and a group * are names: nothing is subscribed as a pattern', async () => {
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

it('a connection factory that fails is not called any more when the app is closed', async () => {
  const [closed, control] = [failingFactory(), failingFactory()];
  const [server] = await Promise.all([startWith(closed), startWith(control)]);

  await server.app.close();

  // A server that is not closed shows how often the closed one would have tried meanwhile.
  const [calls, controlCalls] = [closed.calls, control.calls];
  await expect.poll(() => control.calls, { timeout: 15_000 }).toBeGreaterThan(controlCalls + 8);
  expect(closed.calls).toBe(calls);
});
