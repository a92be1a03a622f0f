import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectMember, userOfQuery } from '../../support/acceptance.js';
import { eventually } from '../../support/observe.js';
import { GROUP, PresenceWatch } from '../../support/presence-watch.js';
import { RedisSentinel } from '../../support/redis-sentinel.js';
import { useTestFarm } from '../../support/test-farm.js';

const TIMEOUT_MS = 120_000;
const farm = useTestFarm();
let redis: RedisSentinel;

beforeAll(async () => {
  redis = await RedisSentinel.start();
}, TIMEOUT_MS);
afterAll(() => redis.stop());

it(
  'after a failover nobody has left, and every view is complete',
  async () => {
    const options = {
      ...farm.options(redis.url),
      authenticate: userOfQuery,
      outage: 'local' as const,
      presence: { grace: 0 },
    };
    const servers = await Promise.all([farm.server(options), farm.server(options), farm.server(options)]);
    const members = [];
    for (const [index, server] of [...servers, ...servers].entries()) {
      const member = await connectMember(farm, server, index % 2 ? `user ${index}` : undefined);
      await member.connection.join(GROUP);
      members.push(member);
    }
    const keys = members.map(({ id, connection }) => connection.userId ?? id).sort();
    const watches = servers.map((server) => new PresenceWatch(farm, server));
    for (const watch of watches) await eventually(() => expect([...watch.members].sort()).toEqual(keys));
    const restored = servers.map(
      ({ backplane }) => new Promise((resolve) => backplane.connectionRestored$.subscribe(resolve)),
    );

    await redis.failover();
    await Promise.all(restored);

    const [first] = servers;
    const newcomer = await connectMember(farm, first);
    await newcomer.connection.join(GROUP);
    for (const watch of watches) {
      await eventually(() => {
        expect([...watch.members].sort()).toEqual([...keys, newcomer.id].sort());
        expect(watch.settled).toBe(true);
      });
      expect(watch.left).toEqual([]);
      expect(watch.joined).toEqual([newcomer.id]);
    }
  },
  TIMEOUT_MS,
);
