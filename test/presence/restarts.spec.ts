import { describe, expect, it } from 'vitest';
import { Follower, PresenceFarm, type PresenceServer } from '../support/presence-farm.js';

const GROUP = 'room';

describe('rolling restarts', () => {
  it('leave no ghosts: 20 times 4 servers under joins and leaves, every view equals the union of the rosters', async () => {
    const farm = new PresenceFarm();
    const servers = [await farm.server(), await farm.server(), await farm.server(), await farm.server()];
    const here = new Map(
      servers.map((server) => [server, server.join(GROUP, `user of ${server.bus.serverId}`)]),
    );
    let joins = 0;
    for (let round = 0; round < 20; round++) {
      for (let turn = 0; turn < 4; turn++) {
        const [old] = servers as [PresenceServer];
        servers.shift();
        here.delete(old);
        const ended = old.shutDown();
        for (const [server, member] of here) {
          server.router.roster.leave(member, GROUP);
          here.set(server, server.join(GROUP, `user ${++joins}`));
        }
        await farm.pass(500);
        await ended;
        const server = await farm.server();
        here.set(server, server.join(GROUP, `user ${++joins}`));
        servers.push(server);
      }
      const followers = servers.map((server) => new Follower(server, GROUP));
      await farm.pass(20_000, 100);
      const union = [...here.values()].map(({ userId }) => userId).sort();
      for (const { members, mistakes, settled } of followers) {
        expect({ round, members: [...members.keys()].sort(), mistakes, settled }).toEqual({
          round,
          members: union,
          mistakes: [],
          settled: true,
        });
      }
    }
  });

  it('are not seen if the users reconnect within the grace period: 5 servers of 1,000 users each', async () => {
    const farm = new PresenceFarm({ limit: 10_000 });
    let servers = await Promise.all(Array.from({ length: 5 }, () => farm.server()));
    const watcher = await farm.server();
    for (const [index, server] of servers.entries())
      for (let user = 0; user < 1000; user++) server.join(GROUP, `user ${index} ${user}`);
    const follower = new Follower(watcher, GROUP);
    await farm.pass(2000);
    expect(follower.members.size).toBe(5000);
    for (const old of [...servers]) {
      const users = [...(old.router.roster.members('/chat')?.all() ?? [])].map(({ userId }) => userId);
      const ended = old.shutDown();
      servers = servers.filter((server) => server !== old);
      await farm.pass(3000);
      await ended;
      for (const [index, userId] of users.entries()) servers[index % servers.length]?.join(GROUP, userId);
      servers.push(await farm.server());
    }
    await farm.pass(20_000, 100);
    expect(follower.events).toEqual([]);
    expect(follower.members.size).toBe(5000);
  });

  it('are seen if they do not', async () => {
    const farm = new PresenceFarm();
    const [one, two] = [await farm.server(), await farm.server()];
    one.join(GROUP, 'ann');
    const follower = new Follower(two, GROUP);
    await farm.pass(100);
    await one.shutDown();
    await farm.pass(16_000);
    expect(follower.events).toEqual(['-ann serverLeft']);
  });
});
