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
/** Between two restarts, and after the last one: messages that are lost are seen to be. */
const TRAFFIC_MS = 400;
const ANSWER_DEADLINE_MS = 5000;
const RECOVERY_DEADLINE_MS = 4000;

/** What three servers and their clients went through. */
export interface RollingRestart {
  readonly row: Row;
  readonly facts: Facts;
  /** With what code the clients of the servers that ended were sent away, and how many. */
  readonly closeCodes: Readonly<Record<number, number>>;
  /** How the servers ended: a code or a signal. */
  readonly ends: readonly (number | string | null)[];
  /** While both releases ran: major version and header length of the envelopes. */
  readonly envelopes: readonly string[];
  /** While both releases ran: what a server of each was answered by a client of the other. */
  readonly asks: Readonly<Record<'old to new' | 'new to old', readonly string[]>>;
  /** Of all servers. */
  readonly dropped: Dropped;
}

/** Replaces servers of this release by servers of another one, one after the other, under load. */
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
    const answers = await Promise.all([ask(farm, old, fresh), ask(farm, fresh, old)]);
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
      asks: { 'old to new': answers[0], 'new to old': answers[1] },
      dropped: droppedBy(farm),
    };
  } finally {
    wire.close();
    await farm.end();
  }
}

/** A signal ends a server while its successor starts. Resolves with the codes that its clients saw, who are elsewhere then. */
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

/** A server asks a client of another one for an answer, lets it join a group, and asks everyone. */
async function ask(farm: Farm, from: number, of: number): Promise<string[]> {
  const isThere = ({ server, isOpen }: BenchClient): boolean => server === of && isOpen;
  const connectionId = farm.clients.find(isThere)?.connectionId ?? '';
  const ends = (): AskEnd[] => farm.server(from).facts.flatMap(({ asks }) => asks);
  farm.server(from).order({ order: 'ask', connectionId });
  await farm.until(() => ends().length === 3, ANSWER_DEADLINE_MS);
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

/** Listens on all channels for what kinds of envelopes there are. */
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
