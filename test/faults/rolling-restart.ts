import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { BenchClient } from './bench-client.js';
import { now } from './clock.js';
import type { Facts } from './facts.js';
import { Farm, SERVERS } from './farm.js';
import { judge, type Row } from './judge.js';
import type { AskEnd, Dropped } from './messages.js';
import type { Release } from './releases.js';
import { groupsOf } from './traffic.js';

const FARM = {
  clientsPerServer: 4,
  rate: 300,
  wiring: 'direct',
  absent: false,
  without: [],
  policy: 'reject',
} as const;
/** How long traffic runs between two restarts and after the last, so that lost messages show. */
const TRAFFIC_MS = 400;
const REPLY_DEADLINE_MS = 5000;
const RECOVERY_DEADLINE_MS = 4000;

/** The result of a rolling restart of three servers. */
export interface RollingRestart {
  readonly row: Row;
  readonly facts: Facts;
  /** How many clients of the replaced servers were closed with each code. */
  readonly closeCodes: Readonly<Record<number, number>>;
  /** The exit codes or signals of the replaced servers. */
  readonly ends: readonly (number | string | null)[];
  /** The major versions and header lengths of the envelopes while both releases ran. */
  readonly envelopes: readonly string[];
  /** The results of requests between servers of different releases while both ran. */
  readonly asks: Readonly<Record<'old to new' | 'new to old', readonly string[]>>;
  /** Summed over all servers. */
  readonly dropped: Dropped;
}

/** Replaces the servers of this release one by one with servers of another release, under load. */
export async function rollingRestart(release: Release): Promise<RollingRestart> {
  const farm = await Farm.start(FARM);
  const wire = new Wire(farm);
  try {
    const closeCodes: number[] = [];
    farm.load();
    await wire.listen();
    await wait(TRAFFIC_MS);
    const begin = now();
    closeCodes.push(...(await restart(farm, 0, release)));
    wire.clear();
    const [old, fresh] = [1, SERVERS.length];
    const replies = await Promise.all([ask(farm, old, fresh), ask(farm, fresh, old)]);
    closeCodes.push(...(await restart(farm, 1, release)));
    const envelopes = wire.seen;
    closeCodes.push(...(await restart(farm, 2, release)));
    const end = now();
    await farm.untilReady(RECOVERY_DEADLINE_MS);
    await wait(TRAFFIC_MS);
    await farm.halt();
    const facts = farm.facts(begin, end);
    return {
      row: judge(facts, { notice: 'nothing' }),
      facts,
      closeCodes: tally(closeCodes),
      ends: farm.servers.slice(0, SERVERS.length).map(({ endedWith }) => endedWith),
      envelopes,
      asks: { 'old to new': replies[0], 'new to old': replies[1] },
      dropped: droppedBy(farm),
    };
  } finally {
    wire.close();
    await farm.end();
  }
}

/** Stops a server with SIGTERM while its successor starts, and moves its clients. Resolves with their close codes. */
async function restart(farm: Farm, index: number, release: Release): Promise<number[]> {
  await wait(TRAFFIC_MS);
  const leaving = farm.server(index);
  const successor = farm.extraServer({ index: SERVERS.length + index, release });
  successor.mayExit = false;
  leaving.mayExit = true;
  const others = farm.alive.filter((server) => server !== leaving && server !== successor);
  const clients = farm.clients.filter(({ server, isOpen }) => server === index && isOpen);
  leaving.signal('SIGTERM');
  const codes: number[] = [];
  for (const [turn, client] of clients.entries()) {
    codes.push(await client.whenClosed);
    await connect(farm, others[turn % others.length]?.settings.index ?? NaN);
  }
  await leaving.exited;
  await successor.listening();
  farm.loadOn(successor);
  await connect(farm, successor.settings.index);
  return codes;
}

async function connect(farm: Farm, server: number): Promise<void> {
  const client = await farm.openClient(server);
  await Promise.all(groupsOf(farm.clients.length - 1).map((group) => client.join(group)));
}

/** Makes one server invoke a client of another, join it to a group, and invoke all clients. */
async function ask(farm: Farm, from: number, of: number): Promise<string[]> {
  const isThere = ({ server, isOpen }: BenchClient): boolean => server === of && isOpen;
  const connectionId = farm.clients.find(isThere)?.connectionId ?? '';
  const ends = (): AskEnd[] => farm.server(from).facts.flatMap(({ asks }) => asks);
  farm.server(from).order({ order: 'ask', connectionId });
  await farm.until(() => ends().length === 3, REPLY_DEADLINE_MS);
  return ends()
    .map(({ call, end }) => `${call}: ${end}`)
    .sort();
}

function tally(codes: readonly number[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

function droppedBy(farm: Farm): Dropped {
  const sum = { malformed: 0, unknownVersion: 0 };
  for (const { facts } of farm.servers) {
    const { malformed = 0, unknownVersion = 0 } = facts.at(-1)?.dropped ?? {};
    sum.malformed += malformed;
    sum.unknownVersion += unknownVersion;
  }
  return sum;
}

/** Records the versions and header lengths of the envelopes on all channels. */
class Wire {
  private readonly redis: Redis;
  private readonly forms = new Set<string>();

  constructor(private readonly farm: Farm) {
    this.redis = new Redis({ port: farm.redis.port, protocol: 2, lazyConnect: true });
  }

  get seen(): string[] {
    return [...this.forms].sort();
  }

  async listen(): Promise<void> {
    this.redis.on('pmessageBuffer', (_pattern: Buffer, _channel: Buffer, bytes: Buffer) => {
      this.forms.add(`version ${bytes[1]}, header ${bytes[2]}`);
    });
    await this.redis.psubscribe(this.farm.channel('*'));
  }

  clear(): void {
    this.forms.clear();
  }

  close(): void {
    this.redis.disconnect();
  }
}
