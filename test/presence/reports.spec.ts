import { beforeEach, describe, expect, it } from 'vitest';
import { heapUsed } from '../support/heap.js';
import { Follower, type Member, PresenceFarm, type PresenceServer } from '../support/presence-farm.js';
import { withSeed } from '../support/seed.js';

// What users of other systems ran into.

const GROUP = 'room';
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

async function watched(server: PresenceServer): Promise<Follower> {
  const follower = new Follower(server, GROUP);
  await farm.pass(200);
  return follower;
}

describe('a user with several tabs', () => {
  it('leaves once when the last two close at the same moment on different servers', async () => {
    const tabs = [one, two].map((server) => ({ server, tab: server.join(GROUP, 'ann') }));
    const follower = await watched(three);
    for (const { server, tab } of tabs) server.router.remove(tab);
    await farm.pass(6000);
    expect(follower.events).toEqual(['-ann disconnected']);
  });

  it('is updated by the data of one, and leaves with the other', async () => {
    const follower = await watched(three);
    const phone = one.join(GROUP, 'ann', 'here');
    await farm.pass(200);
    const laptop = two.join(GROUP, 'ann', 'here');
    await farm.pass(200);
    phone.data = 'away';
    await farm.pass(1500);
    one.router.roster.leave(phone, GROUP);
    await farm.pass(200);
    expect(follower.events).toEqual(['+ann', '~ann', '~ann']);
    two.router.roster.leave(laptop, GROUP);
    await farm.pass(200);
    expect(follower.events.slice(3)).toEqual(['-ann left']);
  });
});

it('100 connections that change their data 1,000 times stay 100 members, and the heap stays flat', async () => {
  const follower = new Follower(three, GROUP);
  const members = Array.from({ length: 100 }, (_, index) => one.join(GROUP, `user ${index}`, 0));
  await farm.pass(1000);
  const change = async (times: number): Promise<number> => {
    for (let time = 0; time < times; time++) {
      for (const member of members) member.data = `${time}`;
      await farm.pass(1000, 250);
      follower.changes.length = 0;
    }
    return heapUsed();
  };
  const before = await change(100);
  const after = await change(900);
  expect(follower.members.size).toBe(100);
  expect([...follower.members.values()].every((data) => data === '899')).toBe(true);
  expect((after - before) / 2 ** 20).toBeLessThan(4);
}, 60_000);

it(
  'a watch that starts while clients join and leave without a pause misses nothing, 500 times',
  () =>
    withSeed(async (random) => {
      const here = new Map<Member, PresenceServer>();
      const churn = (): void => {
        for (let action = 0; action < 10; action++) {
          const server = random.pick([one, two, three]);
          if (here.size === 0 || (here.size < 50 && random.next() < 0.6))
            here.set(server.join(GROUP), server);
          else {
            const [member, owner] = random.pick([...here]);
            here.delete(member);
            owner.router.roster.leave(member, GROUP);
          }
        }
      };
      here.set(one.join(GROUP), one);
      for (let time = 0; time < 500; time++) {
        const follower = new Follower(three, GROUP);
        for (let turn = 0; turn < 4; turn++) {
          churn();
          await farm.turns(1);
        }
        await farm.pass(100);
        expect([...follower.members.keys()].sort(), `watch ${time}`).toEqual(
          [...here].map(([{ id }]) => id).sort(),
        );
        expect(follower.mistakes).toEqual([]);
        follower.close();
        await farm.turns(2);
      }
    }),
  60_000,
);

describe('a server that hears nothing', () => {
  const drop = (): void => {
    farm.network.drops = ({ from, to }) => from === one.transport || to === one.transport;
  };
  const heal = (): void => {
    farm.network.drops = () => false;
  };

  it('for less than the time to count as dead, causes no leaves', async () => {
    one.join(GROUP);
    two.join(GROUP);
    const followers = await Promise.all([one, two, three].map(watched));
    drop();
    await farm.pass(2900);
    heal();
    await farm.pass(15_000);
    for (const { events, settled } of followers)
      expect({ events, settled }).toEqual({ events: [], settled: true });
  });

  it('for longer, leaves with the cause and comes back in one batch, and itself declares nobody gone', async () => {
    const lost = Array.from({ length: 5 }, () => one.join(GROUP));
    const stay = two.join(GROUP);
    const [own, other] = await Promise.all([watched(one), watched(three)]);
    drop();
    await farm.pass(10_000);
    expect(own.settled).toBe(false);
    expect(other.events.sort()).toEqual(lost.map(({ id }) => `-${id} serverLost`).sort());
    heal();
    await farm.pass(15_000);
    const back = other.changes.filter(({ joined }) => joined.some(({ cause }) => cause === 'returned'));
    expect(back.map(({ joined }) => joined.length)).toEqual([5]);
    expect([...other.members.keys()].sort()).toEqual([...lost, stay].map(({ id }) => id).sort());
    expect(own.events).toEqual([]);
    expect(own.settled).toBe(true);
  });
});

it('a large group is reported in numbers only, and in full again once it is small', async () => {
  const small = new PresenceFarm({ limit: 10 });
  const [near, far] = [await small.server(), await small.server()];
  const members = Array.from({ length: 10 }, () => near.join(GROUP));
  const follower = new Follower(far, GROUP);
  await small.pass(200);
  expect(follower.members.size).toBe(10);
  const last = near.join(GROUP);
  await small.pass(200);
  expect(follower.changes.at(-1)).toEqual({
    isSnapshot: false,
    joined: [],
    left: [],
    updated: [],
    settled: true,
    memberCount: 11,
    connectionCount: 11,
    isAboveLimit: true,
  });
  near.router.roster.leave(last, GROUP);
  near.router.roster.leave(members[0] as Member, GROUP);
  await small.pass(200);
  expect(follower.changes.at(-1)).toMatchObject({ isSnapshot: true, memberCount: 9, isAboveLimit: false });
  expect([...follower.members.keys()].sort()).toEqual(
    members
      .slice(1)
      .map(({ id }) => id)
      .sort(),
  );
  expect(follower.mistakes).toEqual([]);
});

it('a garbage record of another server is reported and changes nothing', async () => {
  const follower = await watched(three);
  const errors: unknown[] = [];
  three.router.errors$.subscribe((error) => errors.push(error));
  for (let kind = 23; kind <= 27; kind++) three.router.receive(one.bus.serverId, kind, Buffer.from([0x80]));
  two.join(GROUP, 'ann');
  await farm.pass(200);
  expect(errors.length).toBeGreaterThan(0);
  expect(follower.events).toEqual(['+ann']);
});
