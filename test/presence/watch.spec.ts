import { beforeEach, describe, expect, it } from 'vitest';
import { Follower, GRACE_MS, PresenceFarm, type PresenceServer } from '../support/presence-farm.js';

let farm: PresenceFarm;
let one: PresenceServer;
let two: PresenceServer;
let three: PresenceServer;

beforeEach(async () => {
  farm = new PresenceFarm();
  one = await farm.server();
  two = await farm.server();
  three = await farm.server();
});

describe('a watch', () => {
  it('begins with a snapshot of all servers', async () => {
    one.join('room', 'ann');
    const bob = two.join('room', undefined, { name: 'Bob' });
    await farm.pass(100);
    const follower = new Follower(three, 'room');
    await farm.pass(100);
    expect(follower.changes).toEqual([
      expect.objectContaining({ isSnapshot: true, settled: true, memberCount: 2, connectionCount: 2 }),
    ]);
    expect([...follower.members]).toEqual([
      ['ann', undefined],
      [bob.id, { name: 'Bob' }],
    ]);
  });

  it('reports a user once: with the first connection, and after the last one', async () => {
    const follower = new Follower(three, 'room');
    await farm.pass(100);
    const tabs = [one, one, two].map((server) => ({ server, tab: server.join('room', 'ann') }));
    await farm.pass(100);
    expect(follower.events).toEqual(['+ann']);
    for (const { server, tab } of tabs) {
      expect(follower.events).toEqual(['+ann']);
      server.router.roster.leave(tab, 'room');
      await farm.pass(100);
    }
    expect(follower.events).toEqual(['+ann', '-ann left']);
  });

  it('a change of data is an update', async () => {
    const follower = new Follower(three, 'room');
    await farm.pass(100);
    const tab = one.join('room', 'ann', 'here');
    two.join('room', 'ann', 'here');
    await farm.pass(100);
    tab.data = 'away';
    await farm.pass(1100);
    expect(follower.events).toEqual(['+ann', '~ann']);
    expect(follower.members.get('ann')).toBe('away');
  });

  it('a user who reconnects within the grace period did not leave', async () => {
    const follower = new Follower(three, 'room');
    await farm.pass(100);
    const tab = one.join('room', 'ann');
    await farm.pass(100);
    one.router.remove(tab);
    await farm.pass(GRACE_MS - 500);
    two.join('room', 'ann');
    await farm.pass(2 * GRACE_MS);
    expect(follower.events).toEqual(['+ann']);
  });

  it('a user who does not reconnect left after the grace period', async () => {
    const follower = new Follower(three, 'room');
    await farm.pass(100);
    const tab = one.join('room', 'ann');
    await farm.pass(100);
    one.router.remove(tab);
    await farm.pass(GRACE_MS - 500);
    expect(follower.events).toEqual(['+ann']);
    await farm.pass(1000);
    expect(follower.events).toEqual(['+ann', '-ann disconnected']);
  });

  it('costs nothing while nobody watches', async () => {
    const before = one.bus.counters.published;
    for (let index = 0; index < 100; index++) one.join('room');
    await farm.turns();
    expect(one.bus.counters.published - before).toBe(0);
  });

  it('a killed server loses its members, with the cause', async () => {
    two.join('room', 'ann');
    const bob = two.join('room');
    one.join('room', 'ann');
    two.join('room', 'eve');
    const follower = new Follower(three, 'room');
    await farm.pass(100);
    await two.kill();
    await farm.pass(4500);
    expect(follower.events).toEqual([`-${bob.id} serverLost`]);
    await farm.pass(GRACE_MS);
    expect(follower.events).toEqual([`-${bob.id} serverLost`, '-eve serverLost']);
  });

  it('a server that shuts down gives its users time to come back', async () => {
    two.join('room', 'ann');
    const follower = new Follower(three, 'room');
    await farm.pass(100);
    await two.shutDown();
    await farm.pass(10_000);
    one.join('room', 'ann');
    await farm.pass(20_000);
    expect(follower.events).toEqual([]);
  });

  it('finds a lost last change by the digest', async () => {
    const follower = new Follower(three, 'room');
    one.join('room', 'eve');
    await farm.pass(100);
    farm.network.drops = ({ from, channel }) => from === one.transport && channel.includes('group');
    one.join('room', 'ann');
    await farm.pass(100);
    farm.network.drops = () => false;
    expect([...follower.members.keys()]).toEqual(['eve']);
    await farm.pass(2500);
    expect([...follower.members.keys()]).toEqual(['eve', 'ann']);
  });
});
