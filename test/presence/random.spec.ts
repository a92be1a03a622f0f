import { afterEach, describe, expect, it, vi } from 'vitest';
import { Peers } from '../../lib/bus/peers.js';
import { GroupWatch } from '../../lib/presence/group-watch.js';
import type { PresenceDiff } from '../../lib/protocol/presence-records.js';
import { Follower, type Member, PATH, PresenceFarm, PresenceServer } from '../support/presence-farm.js';
import { type Random, withSeed } from '../support/seed.js';

const GROUP = 'room';
const USERS = ['ann', 'bob', 'eve', 'kim', undefined, undefined];
const ROUNDS = 12;
const STEPS = 25;
const CAUSE = new Error('the link is cut');
/** Longer than a server takes to count as dead, the longest grace period, and the slowest repair together. */
const QUIET_MS = 30_000;

afterEach(() => {
  vi.restoreAllMocks();
});

/** A server with its members in the group, and the subscribers of its view. */
interface Node {
  readonly server: PresenceServer;
  readonly members: Member[];
  readonly followers: Follower[];
}

class Story {
  readonly farm = new PresenceFarm();
  readonly nodes: Node[] = [];
  readonly mistakes: string[] = [];
  private readonly deaf = new Set<PresenceServer>();
  private lossy = false;

  constructor(private readonly random: Random) {
    this.farm.network.drops = ({ to, channel }) =>
      this.deaf.has(this.ownerOf(to)) || (this.lossy && channel.includes(GROUP) && this.random.next() < 0.3);
  }

  async play(): Promise<void> {
    for (let index = 0; index < 3; index++) await this.add();
    for (let round = 0; round < ROUNDS; round++) {
      for (let step = 0; step < STEPS; step++) await this.step();
      await this.quiet();
      this.check(round);
    }
    await Promise.all(this.nodes.map(({ server }) => server.shutDown()));
  }

  private ownerOf(transport: unknown): PresenceServer {
    return this.nodes.find(({ server }) => server.transport === transport)?.server as PresenceServer;
  }

  private async add(): Promise<void> {
    const server = await this.farm.server();
    this.nodes.push({ server, members: [], followers: [this.watched(server)] });
  }

  private watched(server: PresenceServer): Follower {
    const follower = new Follower(server, GROUP);
    const { clock } = this.farm;
    let deafSince = Infinity;
    server.bus.status$.subscribe(({ state }) => {
      if (state === 'ready') deafSince = Infinity;
      else deafSince = Math.min(deafSince, clock.now());
    });
    server.presence.watch({ path: PATH, group: GROUP }, false).subscribe(({ left }) => {
      // What was decided before is reported in the next turn.
      if (clock.now() - deafSince < 100) return;
      for (const { key, cause } of left)
        if (cause === 'serverLost') this.mistakes.push(`a deaf server declared ${key} lost`);
    });
    return follower;
  }

  private async step(): Promise<void> {
    const { random } = this;
    const node = random.pick(this.nodes);
    const action = random.below(20);
    if (action < 16) this.change(node);
    else if (action === 16) await this.fault(node);
    else if (action === 17) node.followers.push(this.watched(node.server));
    else await this.farm.pass(random.below(3000));
  }

  /** Somebody joins, leaves, disconnects or gets other data. */
  private change({ server, members }: Node): void {
    const { random } = this;
    const action = random.below(16);
    const at = random.below(members.length);
    const member = members[at];
    if (action < 7 || !member) {
      members.push(server.join(GROUP, random.pick(USERS), random.below(3)));
    } else if (action < 13) {
      if (action < 10) server.router.roster.leave(member, GROUP);
      else server.router.remove(member);
      members.splice(at, 1);
    } else member.data = random.below(100);
  }

  private async fault(node: Node): Promise<void> {
    const { random, farm } = this;
    const { server } = node;
    const lasting = 500 + random.below(9000);
    const kind = random.below(7);
    if (kind === 0) this.deaf.add(server);
    else if (kind === 1) server.transport.cut(CAUSE);
    else if (kind === 2) farm.network.partition([server.transport]);
    else if (kind === 3) this.lossy = true;
    else if (kind === 4) farm.network.delayMs = 1500;
    else return this.replace(node, () => (kind === 5 ? server.kill() : server.shutDown()));
    for (let part = 0; part < 5; part++) {
      this.change(random.pick(this.nodes));
      await farm.pass(lasting / 5);
    }
    this.heal();
  }

  private async replace(node: Node, end: () => Promise<void>): Promise<void> {
    this.nodes.splice(this.nodes.indexOf(node), 1);
    const ended = end();
    await this.farm.pass(1000);
    await ended;
    await this.add();
  }

  private heal(): void {
    this.deaf.clear();
    this.lossy = false;
    this.farm.network.heal();
    this.farm.network.delayMs = 0;
    for (const { server } of this.nodes) server.transport.restore();
  }

  private async quiet(): Promise<void> {
    this.heal();
    await this.farm.pass(QUIET_MS, 100);
  }

  private check(round: number): void {
    const union = new Set(this.nodes.flatMap(({ members }) => members.map(({ id, userId }) => userId ?? id)));
    for (const [index, { followers }] of this.nodes.entries()) {
      for (const follower of followers) {
        const where = `server ${index}, round ${round}`;
        expect([...follower.members.keys()].sort(), where).toEqual([...union].sort());
        expect(follower.mistakes, where).toEqual([]);
        expect(follower.settled, where).toBe(true);
      }
    }
    for (const { members } of this.nodes)
      for (const { id, userId, data } of members)
        if (userId === undefined)
          for (const { followers } of this.nodes)
            for (const { members: seen } of followers) expect(seen.get(id)).toBe(data);
    expect(this.mistakes).toEqual([]);
  }
}

/** Applies every change, whatever it applies to. */
function ignoreVersions(this: GroupWatch, server: string, diff: PresenceDiff): void {
  const inside = this as unknown as {
    origins: Map<string, { version: number | undefined }>;
    change(server: string, diff: PresenceDiff): void;
  };
  const origin = inside.origins.get(server);
  if (origin) origin.version = diff.version;
  inside.change(server, diff);
}

describe('after joins, leaves, updates, kills, restarts, partitions, delays, losses and deafness', () => {
  it(
    'every view equals the union of the rosters once the farm is quiet, and the events of each member alternate',
    () => withSeed((random) => new Story(random).play()),
    60_000,
  );

  it.each<[name: string, off: () => unknown]>([
    ['digests', () => vi.spyOn(GroupWatch.prototype, 'compare').mockReturnValue(undefined)],
    ['versions', () => vi.spyOn(GroupWatch.prototype, 'receive').mockImplementation(ignoreVersions)],
    [
      'the rule that a deaf server judges nobody',
      () => vi.spyOn(Peers.prototype, 'deaf').mockReturnValue(undefined),
    ],
  ])(
    'without %s this is not so',
    async (_name, off) => {
      off();
      await expect(
        withSeed(async (random) => {
          for (let attempt = 0; attempt < 400; attempt++) await new Story(random).play();
        }),
      ).rejects.toThrow();
    },
    120_000,
  );
});
