import { beforeEach, describe, expect, it } from 'vitest';
import type { OccupancyEvent } from '../../lib/presence/occupancy.js';
import { collect } from '../support/observe.js';
import { GRACE_MS, PresenceFarm, type PresenceServer } from '../support/presence-farm.js';

let farm: PresenceFarm;
let servers: PresenceServer[];
let occupied: OccupancyEvent[][];
let vacated: OccupancyEvent[][];

beforeEach(async () => {
  farm = new PresenceFarm({ occupancy: (group) => group.startsWith('feed:') });
  servers = [];
  occupied = [];
  vacated = [];
  for (let index = 0; index < 4; index++) await add();
});

async function add(): Promise<PresenceServer> {
  const server = await farm.server();
  servers.push(server);
  occupied.push(collect(server.presence.occupancy.occupied$).values);
  vacated.push(collect(server.presence.occupancy.vacated$).values);
  return server;
}

const names = (events: readonly OccupancyEvent[]): string[] => events.map(({ group }) => group);
/** How many servers were told that the event is theirs. */
const owners = (lists: readonly (readonly OccupancyEvent[])[], group: string): number =>
  lists.filter((events) => events.some((event) => event.group === group && event.mine)).length;

describe('the first and the last member of a group', () => {
  it('are reported on every server, once, and belong to one of them', async () => {
    const [one, two] = servers as [PresenceServer, PresenceServer];
    const tabs = [{ server: one, tab: one.join('feed:a', 'ann') }];
    one.join('chat', 'ann');
    await farm.pass(100);
    for (const server of [two, one]) tabs.push({ server, tab: server.join('feed:a', 'ann') });
    await farm.pass(200);
    for (const events of occupied) expect(names(events)).toEqual(['feed:a']);
    expect(owners(occupied, 'feed:a')).toBe(1);
    expect(new Set(occupied.flat().map(({ id }) => id)).size).toBe(1);

    for (const { server, tab } of tabs) server.router.roster.leave(tab, 'feed:a');
    await farm.pass(200);
    for (const events of vacated) expect(names(events)).toEqual(['feed:a']);
    expect(vacated.findIndex(([event]) => event?.mine)).toBe(occupied.findIndex(([event]) => event?.mine));
    expect(vacated.flat().map(({ id }) => id)).toEqual(occupied.flat().map(({ id }) => id));
  });

  it('belong to one server even if they join on all servers at the same moment', async () => {
    for (let index = 0; index < 50; index++)
      for (const server of servers) server.join(`feed:${index}`, 'ann');
    await farm.pass(200);
    for (const events of occupied) expect(events).toHaveLength(50);
    expect(occupied.flat().filter(({ mine }) => mine)).toHaveLength(50);
  });

  it('spread over the servers', async () => {
    for (let index = 0; index < 100; index++) servers[0]?.join(`feed:${index}`, 'ann');
    await farm.pass(200);
    for (const events of occupied) expect(events.filter(({ mine }) => mine).length).toBeGreaterThan(5);
    expect(occupied.flat().filter(({ mine }) => mine)).toHaveLength(100);
  });

  it('do not belong to a server without the gateway', async () => {
    const worker = await farm.server({ hasGateway: false });
    const events = collect(worker.presence.occupancy.occupied$).values;
    for (let index = 0; index < 100; index++) servers[0]?.join(`feed:${index}`, 'ann');
    await farm.pass(200);
    expect(events).toEqual([]);
    expect(occupied.flat().filter(({ mine }) => mine)).toHaveLength(100);
  });

  it('a disconnect that is followed by a reconnect is not reported', async () => {
    const [one, two] = servers as [PresenceServer, PresenceServer];
    const tab = one.join('feed:a');
    await farm.pass(200);
    one.router.remove(tab);
    await farm.pass(GRACE_MS / 2);
    two.join('feed:a');
    await farm.pass(3 * GRACE_MS);
    expect(vacated.flat()).toEqual([]);
    expect(occupied.map(names)).toEqual(servers.map(() => ['feed:a']));
  });

  it('belong to another server when theirs dies', async () => {
    for (let index = 0; index < 40; index++)
      for (const server of servers.slice(1)) server.join(`feed:${index}`, 'ann');
    await farm.pass(200);
    const lost = new Set(occupied[0]?.filter(({ mine }) => mine).map(({ group }) => group));
    expect(lost.size).toBeGreaterThan(0);
    await servers[0]?.kill();
    await farm.pass(6000);
    const later = occupied.slice(1);
    for (const group of lost) {
      expect({ group, owners: owners(later, group) }).toEqual({ group, owners: 1 });
    }
    expect(later.flat().filter(({ mine }) => mine)).toHaveLength(40);
    expect(vacated.flat()).toEqual([]);
  });

  it('a server that starts later learns of them, and takes none away', async () => {
    servers[0]?.join('feed:a', 'ann');
    await farm.pass(200);
    await add();
    await farm.pass(200);
    expect(occupied[4]?.map(({ group, mine }) => ({ group, mine }))).toEqual([
      { group: 'feed:a', mine: false },
    ]);
    expect(owners(occupied, 'feed:a')).toBe(1);
  });

  it('a selection that throws is reported, and the join succeeds', async () => {
    const failing = new PresenceFarm({
      occupancy: () => {
        throw new Error('no such group');
      },
    });
    const server = await failing.server();
    const errors = collect(server.router.errors$).values;
    const member = server.join('feed:a');
    await failing.pass(100);
    expect([...member.memberships.keys()]).toEqual(['feed:a']);
    expect(errors.map(({ message }) => message)).toEqual([
      "presence.occupancy failed for the group 'feed:a': no such group",
    ]);
  });
});
