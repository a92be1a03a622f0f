import { once } from 'node:events';
import { Redis } from 'ioredis';
import { startRedis } from '../support/redis-server.js';
import type { ContestantName } from './contestants/contestant.js';
import { ContestantFarm, type Turn } from './farm.js';
import { ACCEPT_GOALS, FARM_GOALS, IDLE_GOALS, TURN_GOALS } from './goals.js';
import { idleFarm } from './idle-farm.js';
import type { LoadHandlers } from './load-process.js';
import { median } from './statistics.js';
import { Results } from './results.js';
import { Child } from './rpc.js';
import { type Scenario, type ScenarioName, SCENARIOS } from './scenarios.js';

/** How much the bench does: the number of rounds, and the length and size of a turn. */
export interface Effort {
  readonly rounds: number;
  /**
   * Factor for the length of a turn. Short turns are less exact: garbage and cold caches may cost 100 ms of CPU at
   * first.
   */
  readonly time: number;
  /** How long to warm up, so that the code is as warm as in a server that has run for a while. */
  readonly warmingSeconds: number;
  /** Rounds of the scenarios in which each turn needs its own processes. */
  readonly isolatedRounds: number;
  readonly isolatedTime: number;
  /** Factor for the number of sockets in scenarios with many sockets. */
  readonly crowdScale: number;
  readonly contestants: readonly ContestantName[];
}

const FLOOD_SECONDS = 2;
/** Ten heartbeats of each server. */
const IDLE_SECONDS = 10;
/** Used if this run has no flood of socket.io: its deliveries per second on the slowest machine so far. */
const ASSUMED_FLOOD = 60_000;

/** Runs scenarios. In each round every contestant has one turn, in an order that changes. */
export class Bench {
  readonly results = new Results();
  private socketIoFlood = ASSUMED_FLOOD;

  private constructor(
    private readonly effort: Effort,
    private readonly redis: Redis,
    private readonly load: Child<LoadHandlers>,
    private readonly stop: () => Promise<void>,
  ) {}

  static async start(effort: Effort): Promise<Bench> {
    // No output buffer limit, so that Redis does not disconnect a slow server but the bench measures it.
    const server = await startRedis({ args: ['--client-output-buffer-limit', 'pubsub 0 0 0'] });
    const redis = new Redis(server.url);
    await once(redis, 'ready');
    const load = new Child<LoadHandlers>('load-process.js');
    return new Bench(effort, redis, load, async () => {
      load.end();
      await redis.quit();
      await server.stop();
    });
  }

  async run(name: ScenarioName): Promise<void> {
    const scenario = this.scaled(SCENARIOS[name]);
    const contestants = scenario.contestants.filter((contestant) =>
      this.effort.contestants.includes(contestant),
    );
    if (scenario.load === 'none') await this.idle(name, scenario, contestants);
    else if (scenario.load === 'no clients') await this.idleServers(name, scenario);
    else if (scenario.load === 'accepts') await this.accepts(name, scenario, contestants);
    else if (scenario.isolated) await this.isolated(name, scenario, contestants);
    else await this.together(name, scenario, contestants);
  }

  async end(): Promise<void> {
    await this.stop();
  }

  private async together(
    name: ScenarioName,
    scenario: Scenario,
    contestants: readonly ContestantName[],
  ): Promise<void> {
    const farms = new Map<ContestantName, ContestantFarm>();
    for (const contestant of contestants) farms.set(contestant, await this.farm(contestant, scenario));
    const floods: number[] = [];
    for (const farm of farms.values()) await farm.warm(this.effort.warmingSeconds);
    for (let round = -1; round < this.effort.rounds; round++) {
      for (const contestant of inTurns(contestants, round)) {
        const farm = farms.get(contestant);
        const turn = farm && (await this.turn(farm, scenario));
        if (!turn || round < 0) continue;
        this.results.add(TURN_GOALS, name, contestant, turn);
        if (contestant === 'socket.io') floods.push(turn.deliveries / turn.seconds);
      }
    }
    if (scenario.load === 'flood' && floods.length > 0) this.socketIoFlood = median(floods);
    for (const farm of farms.values()) await farm.end();
  }

  private async isolated(
    name: ScenarioName,
    scenario: Scenario,
    contestants: readonly ContestantName[],
  ): Promise<void> {
    for (let round = 0; round < this.effort.isolatedRounds; round++) {
      for (const contestant of inTurns(contestants, round)) {
        const farm = await this.farm(contestant, scenario);
        await this.turn(farm, scenario);
        this.results.add(TURN_GOALS, name, contestant, await this.turn(farm, scenario));
        await farm.end();
      }
    }
  }

  private async accepts(
    name: ScenarioName,
    scenario: Scenario,
    contestants: readonly ContestantName[],
  ): Promise<void> {
    const farms = new Map<ContestantName, ContestantFarm>();
    for (const contestant of contestants)
      farms.set(contestant, await ContestantFarm.start(contestant, scenario, this.load, this.redis));
    // Two warm-up rounds, because after one the JIT compiler still uses a tenth of the CPU time of an accept.
    for (let round = -2; round < this.effort.rounds; round++) {
      for (const contestant of inTurns(contestants, round)) {
        const accepts = await farms.get(contestant)?.accepts();
        if (accepts && round >= 0) this.results.add(ACCEPT_GOALS, name, contestant, accepts);
      }
    }
    for (const farm of farms.values()) await farm.end();
  }

  private async idle(
    name: ScenarioName,
    scenario: Scenario,
    contestants: readonly ContestantName[],
  ): Promise<void> {
    for (let round = 0; round < this.effort.isolatedRounds; round++) {
      for (const contestant of inTurns(contestants, round)) {
        const farm = await ContestantFarm.start(contestant, scenario, this.load, this.redis);
        this.results.add(IDLE_GOALS, name, contestant, await farm.idle());
        await farm.end();
      }
    }
  }

  private async idleServers(name: ScenarioName, { servers }: Scenario): Promise<void> {
    for (let round = 0; round < this.effort.isolatedRounds; round++) {
      const idle = await idleFarm(
        this.redis,
        servers * this.effort.crowdScale,
        IDLE_SECONDS * this.effort.time,
      );
      this.results.add(FARM_GOALS, name, 'ours', idle);
    }
  }

  private async farm(contestant: ContestantName, scenario: Scenario): Promise<ContestantFarm> {
    const farm = await ContestantFarm.start(contestant, scenario, this.load, this.redis);
    await farm.connect();
    await farm.ready();
    return farm;
  }

  private turn(farm: ContestantFarm, { load, sockets, isolated }: Scenario): Promise<Turn> {
    const time = isolated ? this.effort.isolatedTime : this.effort.time;
    if (load === 'flood') return farm.flood(FLOOD_SECONDS * time);
    if (load === 'third of a flood')
      return farm.paced({ rate: this.socketIoFlood / 3 / sockets, burst: 1, seconds: FLOOD_SECONDS * time });
    if (load === 'none' || load === 'accepts' || load === 'no clients')
      throw new Error('This scenario has no turns because it emits nothing.');
    return farm.paced({ ...load, seconds: load.seconds * time });
  }

  private scaled(scenario: Scenario): Scenario {
    return scenario.isolated || scenario.load === 'accepts'
      ? { ...scenario, sockets: scenario.sockets * this.effort.crowdScale }
      : scenario;
  }
}

/** Rotated, and reversed in every second round: the cost of a turn may depend on whose turn came before. */
function inTurns<T>(items: readonly T[], round: number): T[] {
  const start = Math.abs(round) % Math.max(1, items.length);
  const rotated = [...items.slice(start), ...items.slice(0, start)];
  return round % 2 === 0 ? rotated : rotated.reverse();
}
