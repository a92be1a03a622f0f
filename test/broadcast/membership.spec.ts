import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConnectionClosedError } from '../../lib/routing/request.errors.js';
import { acquireRedis, type AcquiredRedis } from '../support/redis-server.js';
import { delivered, join, onlyConnection, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
let redis: AcquiredRedis;

beforeAll(async () => {
  redis = await acquireRedis();
});
afterAll(() => redis.stop());

async function pair() {
  const options = farm.options(redis.url);
  const [near, far] = [await farm.server(options), await farm.server(options)];
  const client = await farm.client(far);
  return { near, far, client, connection: onlyConnection(far) };
}

describe('join', () => {
  it('resolves once emits from another server arrive', async () => {
    const { near, client, connection } = await pair();
    for (let round = 0; round < 50; round++) {
      await connection.join(`g${round}`);
      await near.broadcaster.group(`g${round}`).emit('hi', round);
    }
    await client.count('hi', 50);
    expect(client.dataOf('hi')).toEqual(Array.from({ length: 50 }, (_, round) => round));
  });

  it('has no further effect when repeated, even concurrently: one leave undoes it', async () => {
    const { near, client, connection } = await pair();
    await Promise.all([connection.join('g'), connection.join('g')]);
    await connection.join('g');
    await near.broadcaster.group('g').emit('hi', 1);
    await delivered(near, client);
    await connection.leave('g');
    await near.broadcaster.group('g').emit('hi', 2);
    await delivered(near, client);
    expect(client.dataOf('hi')).toEqual([1]);
  });

  it('right after a leave takes effect, however often', async () => {
    const { near, client, connection } = await pair();
    for (let round = 0; round < 50; round++) {
      await connection.join('g');
      await near.broadcaster.group('g').emit('hi', round);
      // The leave is not awaited, so that it races with the join of the next round.
      await client.count('hi', round + 1);
      void connection.leave('g');
    }
    expect(client.dataOf('hi')).toHaveLength(50);
  });

  it('of one client while another leaves keeps the group subscribed', async () => {
    const { near, far, connection } = await pair();
    await connection.join('g');
    const other = await farm.client(far);
    await Promise.all([join(other, 'g'), connection.leave('g')]);
    await near.broadcaster.group('g').emit('hi');
    await other.next('hi');
  });

  it('of a closed connection rejects and adds it to no group', async () => {
    const { far, client, connection } = await pair();
    const joining = connection.join('early');
    client.socket.terminate();
    await new Promise((resolve) => connection.socket.once('close', resolve));
    // It may have joined before the connection was closed.
    await joining.catch((error: unknown) => expect(error).toBeInstanceOf(ConnectionClosedError));
    await expect(connection.join('late')).rejects.toThrow(ConnectionClosedError);
    expect(connection.groups.size).toBe(0);
    expect(await far.broadcaster.local.group('early', 'late').emit('hi')).toMatchObject({ local: 0 });
  });
});

describe('leave', () => {
  it('is final: no later emit arrives, from any server', async () => {
    const { near, far, client, connection } = await pair();
    await connection.join('g');
    await connection.leave('g');
    await connection.emit('left');
    await near.broadcaster.group('g').emit('hi');
    await far.broadcaster.group('g').emit('hi');
    await delivered(near, client);
    expect(client.dataOf('hi')).toEqual([]);
  });

  it('is final in the middle of a fan-out: no later message arrives', async () => {
    const { near, client, connection } = await pair();
    await connection.join('g');
    for (let number = 0; number < 2000; number++) void near.broadcaster.group('g').emit('hi', number);
    await client.next('hi');

    await connection.leave('g');
    await connection.emit('left');

    await delivered(near, client);
    const events = client.received.map(({ event }) => event);
    expect(events.slice(events.indexOf('left'))).not.toContain('hi');
    const numbers = client.dataOf('hi');
    expect(numbers).toEqual(numbers.map((_, index) => index));
  });

  it('does not drop messages that were emitted earlier in the same turn', async () => {
    const { far, client, connection } = await pair();
    await connection.join('g');
    void far.broadcaster.group('g').emit('hi', 1);
    void connection.leave('g');
    void far.broadcaster.group('g').emit('hi', 2);
    await delivered(far, client);
    expect(client.dataOf('hi')).toEqual([1]);
  });

  it('does nothing when repeated, or for a group that the connection is not in', async () => {
    const { near, client, connection } = await pair();
    const other = await farm.client(near);
    await join(other, 'g');
    await connection.leave('g');
    await connection.join('h');
    await connection.leave('h');
    await connection.leave('h');
    await near.broadcaster.group('g', 'h').emit('hi', 1);
    await delivered(near, client, other);
    expect([client.dataOf('hi'), other.dataOf('hi')]).toEqual([[], [1]]);
  });

  it('wins over a join in progress', async () => {
    const { near, client, connection } = await pair();
    const joining = connection.join('g');
    await connection.leave('g');
    await joining;
    await near.broadcaster.group('g').emit('hi');
    await delivered(near, client);
    expect([client.dataOf('hi'), connection.groups.size]).toEqual([[], 0]);
  });
});

it('connection.groups is a snapshot of the current groups', async () => {
  const { connection } = await pair();
  await connection.join('a');
  const before = connection.groups;
  await connection.join('b');
  await connection.leave('a');
  expect([[...before], [...connection.groups]]).toEqual([['a'], ['b']]);
});

it('a client that disconnects leaves its groups', async () => {
  const { near, far, client, connection } = await pair();
  await connection.join('g');
  const gone = new Promise((resolve) => connection.socket.once('close', resolve));
  await client.close();
  await gone;
  expect(await far.broadcaster.group('g').emit('hi')).toMatchObject({ local: 0 });
  expect(await near.broadcaster.connection(connection.id).emit('hi')).toEqual({
    local: 0,
    backplane: 'accepted',
  });
});
