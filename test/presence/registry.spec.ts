import { hostname } from 'node:os';
import { beforeEach, describe, expect, it } from 'vitest';
import { ServerBus } from '../../lib/bus/server-bus.js';
import type { ServerChange, ServerInfo } from '../../lib/presence/server-info.js';
import { ChannelNames } from '../../lib/protocol/channel-names.js';
import { newServerId } from '../../lib/protocol/connection-id.js';
import { encodeRecord } from '../../lib/protocol/envelope.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { collect } from '../support/observe.js';
import { PATH, PresenceFarm, type PresenceServer } from '../support/presence-farm.js';

const channels = new ChannelNames('app');
const ADMIN = '/admin';

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

const idsOf = (servers: readonly PresenceServer[]): string[] =>
  servers.map(({ bus }) => bus.serverId).toSorted();
const listed = ({ registry }: PresenceServer): string[] => registry.servers.map(({ serverId }) => serverId);

/** How one server lists another, or itself. */
function shown(on: PresenceServer, server: PresenceServer): ServerInfo {
  const info = on.registry.servers.find(({ serverId }) => serverId === server.bus.serverId);
  if (!info) throw new Error('The server is not listed.');
  return info;
}

/** The changes that a server reports from now on: "joined 1.4.2", "left silent". */
function followed(server: PresenceServer): { readonly values: ServerChange[]; readonly summary: string[] } {
  const { values } = collect(server.registry.changes$);
  return {
    values,
    get summary() {
      return values.map((change) =>
        change.type === 'left' ? `left ${change.reason}` : `${change.type} ${change.server.appVersion}`,
      );
    },
  };
}

/** A server of a release without cards. */
async function older(): Promise<ServerBus> {
  const transport = farm.network.transport();
  const { clock } = farm;
  const bus = new ServerBus(newServerId(), channels, transport, { publishTimeoutMs: 5000, clock });
  await bus.start(() => undefined);
  return bus;
}

describe('the servers of a farm', () => {
  it('list each other, sorted by id, with themselves', () => {
    for (const server of [one, two, three]) {
      expect(listed(server)).toEqual(idsOf([one, two, three]));
      expect(server.registry.servers.filter(({ isSelf }) => isSelf)).toEqual([shown(server, server)]);
    }
  });

  it('describe themselves', () => {
    const startedAt = farm.clock.date() - farm.clock.now() + 2000;
    expect(shown(one, two)).toEqual({
      serverId: two.bus.serverId,
      isSelf: false,
      hostname: hostname(),
      pid: process.pid,
      appVersion: '1.4.2',
      startedAt: new Date(startedAt),
      connections: 0,
      connectionsByPath: { [PATH]: 0 },
      isReady: false,
      eventLoopDelayMs: 0,
    });
    expect(shown(two, two)).toEqual({ ...shown(one, two), isSelf: true });
  });

  it('know everybody as soon as they hear them, in both directions', async () => {
    const known = followed(one);
    const four = farm.create();
    const knows = followed(four);
    await four.start();
    await farm.turns();
    expect(known.summary).toEqual(['joined 1.4.2']);
    expect(knows.summary).toEqual(['joined 1.4.2', 'joined 1.4.2', 'joined 1.4.2']);
    expect(listed(four)).toEqual(idsOf([one, two, three, four]));
  });

  it('learn the connections of each path within five heartbeats, and their own at once', async () => {
    two.router.roster.open(ADMIN);
    const tabs = [two.connect(), two.connect(), two.connect(undefined, undefined, ADMIN)];
    const connectionsByPath = { [PATH]: 2, [ADMIN]: 1 };
    expect(shown(two, two)).toMatchObject({ connections: 3, connectionsByPath });
    await farm.pass(5200);
    expect(shown(one, two)).toMatchObject({ connections: 3, connectionsByPath });
    for (const tab of tabs) two.router.remove(tab);
    await farm.pass(5200);
    expect(shown(one, two)).toMatchObject({ connections: 0, connectionsByPath: { [PATH]: 0, [ADMIN]: 0 } });
  });

  it('learn with the next heartbeat that one is ready or no longer ready', async () => {
    await farm.pass(1000);
    for (const isReady of [true, false]) {
      two.registry.isReady = isReady;
      await farm.pass(1200);
      expect(shown(one, two).isReady).toBe(isReady);
    }
  });

  it('keep the time of a start, whatever the clocks say later', async () => {
    const { startedAt } = shown(one, two);
    farm.clock.setDate(farm.clock.date() + 3_600_000);
    await farm.pass(6000);
    expect(shown(one, two).startedAt).toEqual(startedAt);
  });

  it('publish no more envelopes than without cards', async () => {
    const bare = await older();
    await farm.pass(2000);
    const before = [bare.counters.published, one.bus.counters.published];
    await farm.pass(20_000);
    const after = [bare.counters.published, one.bus.counters.published];
    const [without, withCards] = after.map((published, index) => published - (before[index] ?? 0));
    expect(without).toBeGreaterThanOrEqual(20);
    expect(withCards).toBe(without);
  });
});

describe('a server that leaves', () => {
  it('with a goodbye is removed at once, and reported with its last description', async () => {
    const changes = followed(one);
    await two.shutDown();
    await farm.turns();
    expect(changes.values).toEqual([
      {
        type: 'left',
        reason: 'goodbye',
        server: expect.objectContaining({ serverId: two.bus.serverId, appVersion: '1.4.2' }) as ServerInfo,
      },
    ]);
    expect(listed(one)).toEqual(idsOf([one, three]));
  });

  it('without a word is reported as silent after four seconds', async () => {
    const changes = followed(one);
    await two.kill();
    await farm.pass(3500);
    expect(changes.summary).toEqual([]);
    await farm.pass(2000);
    expect(changes.summary).toEqual(['left silent']);
    expect(listed(one)).toEqual(idsOf([one, three]));
  });

  it('because of a partition returns when that ends, and is described anew within a second', async () => {
    const changes = [one, two].map(followed);
    farm.network.partition([two.transport]);
    two.connect();
    await farm.pass(6000);
    expect(listed(two)).toEqual([two.bus.serverId]);
    farm.network.heal();
    await farm.pass(2200);
    expect(changes[0]?.summary).toEqual(['left silent', 'returned 1.4.2']);
    expect(changes[1]?.summary).toEqual(['left silent', 'left silent', 'returned 1.4.2', 'returned 1.4.2']);
    expect(shown(one, two).connections).toBe(1);
  });

  it('is forgotten, so that servers that come and go cost no memory', async () => {
    await two.kill();
    await three.shutDown();
    const { cards } = one.registry as unknown as { cards: ReadonlyMap<string, unknown> };
    expect([...cards.keys()]).toContain(two.bus.serverId);
    await farm.pass(80_000, 250);
    expect([...cards.keys()]).toEqual([]);
  });
});

describe('a server without Redis', () => {
  it('reports nobody', async () => {
    const changes = followed(one);
    one.transport.cut(new Error('the link is cut'));
    await farm.pass(20_000);
    expect(one.bus.status.state).not.toBe('ready');
    one.transport.restore();
    await farm.pass(3000);
    expect(one.bus.status.state).toBe('ready');
    expect(changes.summary).toEqual([]);
    expect(listed(one)).toEqual(idsOf([one, two, three]));
  });
});

describe('a server to which Redis delivers nothing', () => {
  it('reports nobody before it notices that', async () => {
    // Heartbeats leave when a second begins, so that each phase of this second is a different race.
    for (const phaseMs of [0, 250, 500, 750, 950]) {
      const changes = followed(one);
      await farm.pass(phaseMs);
      farm.network.drops = ({ to }) => to === one.transport;
      await farm.pass(20_000, 250);
      expect(one.bus.status.state).not.toBe('ready');
      farm.network.drops = () => false;
      await farm.pass(6000);
      expect(one.bus.status.state).toBe('ready');
      expect(changes.summary).toEqual([]);
    }
  });
});

describe('a peer without a readable card', () => {
  it('of an older release is listed and reported with its id only', async () => {
    const changes = followed(one);
    const { serverId } = await older();
    await farm.turns();
    const server = {
      serverId,
      isSelf: false,
      hostname: undefined,
      pid: undefined,
      appVersion: undefined,
      startedAt: undefined,
      connections: undefined,
      connectionsByPath: undefined,
      isReady: undefined,
      eventLoopDelayMs: undefined,
    };
    expect(changes.values).toEqual([{ type: 'joined', server }]);
    expect(one.registry.servers).toContainEqual(server);
  });

  it('is reported on errors$, and keeps its last description', async () => {
    const { values: errors } = collect(one.router.errors$);
    const before = shown(one, two);
    await two.bus.publish([channels.servers], encodeRecord(RecordKind.Card, Buffer.from([200, 1, 2])));
    await farm.turns();
    expect(errors).toEqual([expect.objectContaining({ stage: 'deliver' })]);
    expect(shown(one, two)).toEqual(before);
  });
});

describe('the changes', () => {
  it('complete when the server shuts down', async () => {
    const changes = collect(one.registry.changes$);
    await one.shutDown();
    expect(changes.completed).toBe(true);
  });
});
