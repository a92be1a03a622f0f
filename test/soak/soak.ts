import { setTimeout as wait } from 'node:timers/promises';
import { now } from '../faults/clock.js';
import type { Facts } from '../faults/facts.js';
import { Farm, SERVERS } from '../faults/farm.js';
import { judge, misses, type Row, WIDTH_LIMIT_MS } from '../faults/judge.js';
import type { Policy } from '../faults/messages.js';
import type { Mechanism } from '../faults/switched-off.js';
import type { Plan, Track } from './plan.js';
import { MAX_DELAY_MS, STRIKES } from './strikes.js';
import { unrest } from './unrest.js';

/** Emits per second of the whole farm. */
const RATE = 300;
const CLIENTS_PER_SERVER = 4;
const BEFORE_MS = 300;
/** Links retry at least every 2 s and refused channels every second. After that a server must hear itself. */
const READY_DEADLINE_MS = 10_000;
/** How long to keep emitting, to catch late reports and to let servers publish buffered messages. */
const AFTER_MS = 4000;
/** Reports may be this much wider because the network may be slow in both directions. */
const SOAK_WIDTH_LIMIT_MS = WIDTH_LIMIT_MS + 2 * MAX_DELAY_MS;

export interface SoakResult {
  readonly row: Row;
  readonly facts: Facts;
  /** The columns that miss their target. */
  readonly missed: readonly string[];
}

/** Runs rounds of faults on one farm. */
export class Soak {
  private constructor(private readonly farm: Farm) {}

  static async start(policy: Policy, without: readonly Mechanism[] = []): Promise<Soak> {
    const farm = await Farm.start({
      clientsPerServer: CLIENTS_PER_SERVER,
      rate: RATE,
      wiring: 'proxied',
      absent: false,
      without,
      policy,
    });
    return new Soak(farm);
  }

  /** Rejects if a fault itself fails, for example if Redis does not start again. */
  async round(plan: Plan): Promise<SoakResult> {
    const { farm } = this;
    farm.load();
    const begin = now();
    await wait(BEFORE_MS);
    await Promise.all(plan.map((track) => this.run(track)));
    const end = now();
    farm.check('every server is ready again', await farm.untilReady(READY_DEADLINE_MS));
    await wait(AFTER_MS);
    await farm.halt();
    // Without marks, because only the fault bench, where faults do not overlap, judges how soon a fault is noticed.
    const facts = { ...farm.facts(begin, end), marks: [] };
    const row = judge(facts, { notice: 'nothing' });
    const missed = misses(row, SOAK_WIDTH_LIMIT_MS);
    if (plan.length === 0) missed.push(...unrest(facts));
    return { row, facts, missed };
  }

  end(): Promise<void> {
    return this.farm.end();
  }

  private async run(track: Track): Promise<void> {
    for (const strike of track) {
      await wait(strike.pauseMs);
      await STRIKES[strike.name].run(this.farm, strike);
    }
  }
}

export const SERVER_COUNT = SERVERS.length;
