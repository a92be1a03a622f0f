import type { Redis } from 'ioredis';
import type { ContestantName } from './contestants/contestant.js';
import { groupName } from './contestants/contestant.js';
import type { LoadHandlers } from './load-process.js';
import type { Pace } from './pacer.js';
import { costBetween, type RedisCost, redisCost } from './redis-cost.js';
import { Child } from './rpc.js';
import type { Scenario } from './scenarios.js';
import type { ServerHandlers } from './server-process.js';
import { quantile } from './statistics.js';

/** How many seconds a flood may be ahead of the slowest socket. */
const FLOOD_AHEAD = 0.3;
const FLOOD_BURST = 10;
const FLOOD_POLL_MS = 20;
/** The warm-up goes to few sockets, so no socket falls behind. */
const WARMING = { rate: 10_000, burst: 10 };
/**
 * The memory test first connects this share of the measured sockets, several times, to fill the memory that the start
 * of the process has left free.
 */
const WARM_UP_SHARE = 0.4;
const WARM_UP_WAVES = 3;

/** The measurements of one turn. */
export interface Turn {
  readonly emits: number;
  readonly deliveries: number;
  readonly seconds: number;
  /** CPU time of the server process in microseconds, from the operating system. */
  readonly emitterCpu: number;
  readonly receiverCpu: number;
  /** The receiver's longest event loop stall in milliseconds. */
  readonly receiverStall: number;
  readonly redis: RedisCost;
  /** From the emit to the client's receipt, in milliseconds. */
  readonly latency: { readonly p50: number; readonly p99: number };
}

/** The receiver's CPU time in microseconds for accepting sockets. */
export interface Accepts {
  readonly sockets: number;
  readonly cpu: number;
}

/** The resident memory of idle sockets, measured after a garbage collection. */
export interface Idle {
  readonly sockets: number;
  readonly bytes: number;
}

/** Two servers of a contestant: one emits, the other holds the load client's sockets. */
export class ContestantFarm {
  private targets: readonly string[] = [''];

  private constructor(
    private readonly name: ContestantName,
    private readonly scenario: Scenario,
    private readonly emitter: Child<ServerHandlers>,
    private readonly receiver: Child<ServerHandlers>,
    private readonly load: Child<LoadHandlers>,
    private readonly redis: Redis,
    private readonly address: { readonly port: number; readonly urlPath: string },
  ) {}

  static async start(
    name: ContestantName,
    scenario: Scenario,
    load: Child<LoadHandlers>,
    redis: Redis,
  ): Promise<ContestantFarm> {
    const { groups, groupsPerSocket, payloadBytes, isolated } = scenario;
    // If the cost of connecting is measured, the app must do nothing when a client connects.
    const greets = scenario.load !== 'none' && scenario.load !== 'accepts';
    const redisUrl = `redis://${redis.options.host ?? ''}:${redis.options.port ?? 0}`;
    const order = {
      name,
      payloadBytes,
      watchLoop: isolated && greets,
      plan: { redisUrl, groups, groupsPerSocket, greets },
    };
    const emitter = new Child<ServerHandlers>('server-process.js');
    const receiver = new Child<ServerHandlers>('server-process.js', ['--expose-gc']);
    const [, address] = await Promise.all([emitter.call('start', order), receiver.call('start', order)]);
    return new ContestantFarm(name, scenario, emitter, receiver, load, redis, address);
  }

  async connect(count = this.scenario.sockets): Promise<void> {
    await this.load.call('connect', { crowd: this.name, count, ...this.address });
  }

  /** Waits until all sockets are connected, and sets the targets of the emits. */
  async ready(): Promise<void> {
    const { audience, groups, sockets, churn } = this.scenario;
    const ids = await this.receiver.call('connected', sockets);
    if (audience === 'connection') this.targets = ids;
    if (audience === 'group') this.targets = Array.from({ length: groups }, (_, index) => groupName(index));
    if (churn) await this.receiver.call('churn', ids);
  }

  async paced(pace: Pace): Promise<Turn> {
    const { audience, subtractsPacing } = this.scenario;
    const pacing = subtractsPacing ? await this.pacingCpu(pace) : 0;
    const emit = () => this.emitter.call('emit', { ...pace, audience, targets: this.targets });
    const turn = await this.measure(emit);
    return { ...turn, emitterCpu: turn.emitterCpu - pacing };
  }

  async warm(seconds: number): Promise<void> {
    if (this.scenario.audience === 'all') await this.flood(seconds);
    else await this.paced({ ...WARMING, seconds });
  }

  flood(seconds: number): Promise<Turn> {
    return this.measure(async () => {
      const base = await this.load.call('slowest', this.name);
      const sent = this.emitter.call('flood', { seconds, burst: FLOOD_BURST, ahead: FLOOD_AHEAD });
      const follow = async (): Promise<void> => {
        const received = await this.load.call('slowest', this.name);
        await this.emitter.call('progress', received - base);
      };
      const following = setInterval(() => void follow(), FLOOD_POLL_MS);
      return sent.finally(() => clearInterval(following));
    });
  }

  async accepts(): Promise<Accepts> {
    const { sockets } = this.scenario;
    const before = await this.receiver.call('usage');
    await this.connect();
    const after = await this.receiver.call('usage');
    await this.disconnect();
    return { sockets, cpu: after.cpuMicroseconds - before.cpuMicroseconds };
  }

  async idle(): Promise<Idle> {
    const { sockets } = this.scenario;
    for (let wave = 0; wave < WARM_UP_WAVES; wave++) {
      if (wave > 0) await this.disconnect();
      await this.connect(sockets * WARM_UP_SHARE);
    }
    await this.receiver.call('collect');
    const before = await this.receiver.call('usage');
    await this.connect();
    await this.receiver.call('collect');
    const after = await this.receiver.call('usage');
    return { sockets, bytes: after.rssBytes - before.rssBytes };
  }

  async end(): Promise<void> {
    await this.receiver.call('churn', false);
    await this.disconnect();
    this.emitter.end();
    this.receiver.end();
  }

  private async disconnect(): Promise<void> {
    await this.load.call('disconnect', this.name);
  }

  /** The emitter's CPU time for a turn without the emits. */
  private async pacingCpu(pace: Pace): Promise<number> {
    const before = await this.emitter.call('usage');
    await this.emitter.call('pace', { ...pace, payloadBytes: this.scenario.payloadBytes });
    const after = await this.emitter.call('usage');
    return after.cpuMicroseconds - before.cpuMicroseconds;
  }

  private async measure(emit: () => Promise<number>): Promise<Turn> {
    const before = await this.usage();
    const beganAt = performance.now();
    const emits = await emit();
    const deliveries = emits * this.audienceSize;
    await this.load.call('received', { crowd: this.name, messages: deliveries });
    const seconds = (performance.now() - beganAt) / 1000;
    const after = await this.usage();
    const { latencies } = await this.load.call('take', this.name);
    return {
      emits,
      deliveries,
      seconds,
      emitterCpu: after.emitter.cpuMicroseconds - before.emitter.cpuMicroseconds,
      receiverCpu: after.receiver.cpuMicroseconds - before.receiver.cpuMicroseconds,
      receiverStall: after.receiver.longestStallMs,
      redis: costBetween(before.redis, after.redis),
      latency: { p50: quantile(latencies, 0.5) / 1000, p99: quantile(latencies, 0.99) / 1000 },
    };
  }

  private async usage() {
    const [emitter, receiver, redis] = await Promise.all([
      this.emitter.call('usage'),
      this.receiver.call('usage'),
      redisCost(this.redis),
    ]);
    return { emitter, receiver, redis };
  }

  private get audienceSize(): number {
    const { audience, sockets, groups, groupsPerSocket } = this.scenario;
    if (audience === 'all') return sockets;
    return audience === 'group' ? (sockets * groupsPerSocket) / groups : 1;
  }
}
