import { setTimeout as wait } from 'node:timers/promises';
import { type BusServer, BusFarm, record } from '../support/bus-farm.js';
import { type ClusterNode, startRedisCluster } from '../support/redis-cluster.js';
import { type RedisCost, costBetween, redisCost } from './redis-cost.js';

// npm run bench:cluster
// Compares the CPU cost of classic and sharded pub/sub on the same cluster, in alternating rounds.

const SERVERS = 3;
const GROUPS = 600;
const PAYLOAD_BYTES = 256;
const RATE = 6000;
const TICK_MS = 10;
const ROUND_MS = 5000;
/** Each mode is first as often as last. */
const ROUNDS = [false, true, true, false] as const;

interface Round {
  readonly messages: number;
  readonly heard: number;
  readonly costs: readonly RedisCost[];
  /** Messages that cluster nodes sent to each other. */
  readonly forwarded: number;
}

const payload = record('x'.repeat(PAYLOAD_BYTES));

/** Each group has its members on one server. All other servers emit to it. */
async function round(nodes: readonly ClusterNode[], connection: string, sharded: boolean): Promise<Round> {
  const farm = new BusFarm({ connection, sharded });
  try {
    const servers: BusServer[] = [];
    for (let index = 0; index < SERVERS; index++) servers.push(await farm.ready());
    const groups = Array.from({ length: GROUPS }, (_, index) =>
      farm.channels.target('/chat', { kind: 'group', name: `${index}` }),
    );
    await Promise.all(groups.map((group, index) => (servers[index % SERVERS] as BusServer).bus.want(group)));
    await wait(500);
    const [costs, forwards] = [await costsOf(nodes), await forwardedBy(nodes)];
    const messages = await emit(servers, groups);
    await wait(500);
    return {
      messages,
      heard: servers.reduce((sum, { heard }) => sum + heard.length, 0),
      costs: (await costsOf(nodes)).map((after, index) => costBetween(costs[index] as RedisCost, after)),
      forwarded: (await forwardedBy(nodes)) - forwards,
    };
  } finally {
    await farm.close();
  }
}

/** Emits at a fixed rate, so that both modes have the same number of messages in a tick. */
async function emit(servers: readonly BusServer[], groups: readonly string[]): Promise<number> {
  const outcomes: Promise<unknown>[] = [];
  const perTick = (RATE * TICK_MS) / 1000;
  for (let tick = 0; tick < ROUND_MS / TICK_MS; tick++) {
    const due = wait(TICK_MS);
    for (let count = 0; count < perTick; count++) {
      const serial = tick * perTick + count;
      // Never emit to the server's own members, because that needs no Redis.
      const group = (serial * 7 + 1) % groups.length;
      const sender = servers[(group + 1 + (serial % (SERVERS - 1))) % SERVERS];
      outcomes.push((sender as BusServer).bus.publish([groups[group] as string], payload));
    }
    await due;
  }
  await Promise.all(outcomes);
  return outcomes.length;
}

function costsOf(nodes: readonly ClusterNode[]): Promise<RedisCost[]> {
  return Promise.all(nodes.map(({ admin }) => redisCost(admin)));
}

async function forwardedBy(nodes: readonly ClusterNode[]): Promise<number> {
  const infos = await Promise.all(nodes.map(({ admin }) => admin.cluster('INFO')));
  const counts = infos.flatMap((info) =>
    [...info.matchAll(/^cluster_stats_messages_publish(?:shard)?_sent:(\d+)/gm)].map(([, count]) =>
      Number(count),
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

function row(name: string, rounds: readonly Round[]): { readonly total: number; readonly busiest: number } {
  const sum = (pick: (round: Round) => number): number => rounds.reduce((total, one) => total + pick(one), 0);
  const messages = sum((one) => one.messages);
  const perMessage = (value: number): number => value / messages;
  const cpu = (one: Round): number[] => one.costs.map(({ cpuMicroseconds }) => cpuMicroseconds);
  const total = perMessage(sum((one) => cpu(one).reduce((all, each) => all + each, 0)));
  const busiest = perMessage(sum((one) => Math.max(...cpu(one))));
  const forwarded = perMessage(sum((one) => one.forwarded));
  const cells = [
    name,
    messages,
    sum((one) => one.heard),
    total.toFixed(1),
    busiest.toFixed(1),
    forwarded.toFixed(2),
  ];
  console.log(`| ${cells.join(' | ')} |`);
  return { total, busiest };
}

const cluster = await startRedisCluster();
try {
  const done: { readonly sharded: boolean; readonly round: Round }[] = [];
  for (const sharded of ROUNDS)
    done.push({ sharded, round: await round(cluster.nodes, cluster.url, sharded) });
  const roundsOf = (sharded: boolean): Round[] =>
    done.filter((one) => one.sharded === sharded).map((one) => one.round);
  console.log(`${SERVERS} servers, ${GROUPS} groups with members on one server each, ${RATE} messages of`);
  console.log(
    `${PAYLOAD_BYTES} bytes a second, 3 masters and 3 replicas; CPU of redis-server, µs per message.\n`,
  );
  console.log('| pub/sub | messages | received | all nodes | busiest node | copies between nodes |');
  console.log('| --- | --- | --- | --- | --- | --- |');
  const classic = row('classic', roundsOf(false));
  const sharded = row('sharded', roundsOf(true));
  const factors = [classic.total / sharded.total, classic.busiest / sharded.busiest];
  console.log(
    `\nclassic / sharded: all nodes ${factors.map((factor) => factor.toFixed(1)).join(', busiest node ')}`,
  );
} finally {
  await cluster.stop();
}
