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

/** How far a flood may be ahead of the slowest socket, in seconds. */
const FLOOD_AHEAD = 0.3;
const FLOOD_BURST = 10;
const FLOOD_LOOK_MS = 20;
/** To few sockets, so nobody falls behind. */
const WARMING = { rate: 10_000, burst: 10 };
/** As many as are measured later, times this, come before: they take what memory the start of the process has left free. */
const BEFORE = 0.4;
/** So often, each time instead of those before. */
const WAVES_BEFORE = 3;

/** What one turn of a contestant cost. */
export interface Turn {
  readonly emits: number;
  readonly deliveries: number;
  readonly seconds: number;
  /** From the operating system's accounting of each server's process, in microseconds. */
  readonly emitterCpu: number;
  readonly receiverCpu: number;
  /** The longest time in milliseconds in which the receiver's loop did not turn. */
  readonly receiverStall: number;
  readonly redis: RedisCost;
  /** From the emit to the client, in milliseconds. */
  readonly latency: { readonly p50: number; readonly p99: number };
}

/** What it cost the receiver in microseconds to accept sockets. */
export interface Accepts {
  readonly sockets: number;
  readonly cpu: number;
}

/** What sockets hold that connected and said nothing: resident memory after the garbage is collected. */
export interface Idle {
  readonly sockets: number;
  readonly bytes: number;
}

/** Two servers of a contestant, and the sockets of a load client at the second one. */
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
    const { groups, groupsPerSocket, payloadBytes, apart } = scenario;
    // Where connecting is measured, the app does nothing of its own in it.
    const greets = scenario.load !== 'none' && scenario.load !== 'accepts';
    const redisUrl = `redis://${redis.options.host ?? ''}:${redis.options.port ?? 0}`;
    const order = {
      name,
      payloadBytes,
      watchLoop: apart && greets,
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

  /** All sockets are there, and whom the emits go to is known. */
  async ready(): Promise<void> {
    const { audience, groups, sockets, churn } = this.scenario;
    const ids = await this.receiver.call('connected', sockets);
    if (audience === 'connection') this.targets = ids;
    if (audience === 'group') this.targets = Array.from({ length: groups }, (_, index) => groupName(index));
    if (churn) await this.receiver.call('churn', ids);
  }

  async paced(pace: Pace): Promise<Turn> {
    const { audience, lessPacing } = this.scenario;
    const pacing = lessPacing ? await this.pacingCpu(pace) : 0;
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
      const following = setInterval(() => void follow(), FLOOD_LOOK_MS);
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
    for (let wave = 0; wave < WAVES_BEFORE; wave++) {
      if (wave > 0) await this.disconnect();
      await this.connect(sockets * BEFORE);
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

  /** What it costs the emitter to do all that it does in a turn but to emit. */
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
