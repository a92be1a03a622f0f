import { setTimeout as delay } from 'node:timers/promises';
import { caseOf } from './cases.js';
import { type FuzzCase, Violation } from './fuzz-case.js';
import { FuzzFarm } from './fuzz-farm.js';
import type { ServerReport } from './fuzz-server.js';
import { isSettled, judge, type Round } from './judge.js';
import type { PlantedDefect } from './planted-defects.js';
import type { Vitals } from './server-health.js';

const PARALLEL = 25;
/** A case that takes longer is stuck. */
const CASE_DEADLINE_MS = 60_000;
/** After this many rounds, caches are warm and permanent state has been allocated. */
const WARM_UP_ROUNDS = 2;

export interface Finding {
  /** The cases that ran before the finding, such as "cases 400 to 599". */
  readonly after: string;
  readonly what: string;
}

export interface RoundSummary {
  /** The highest value of any server. */
  readonly memory: number;
  readonly peakBytes: number;
  readonly worstDelayMs: number;
  readonly worstTurnCpuMs: number;
  readonly controlDelayMs: number;
  readonly slowestConversationMs: number;
  readonly seconds: number;
}

export interface RoundResult {
  readonly findings: readonly Finding[];
  readonly summary: RoundSummary | undefined;
}

/** Runs rounds of cases on one farm. End the run after a finding because the farm may be in any state. */
export class FuzzRun {
  private rounds = 0;
  private baseline: readonly ServerReport[] | undefined;

  private constructor(
    private readonly farm: FuzzFarm,
    private before: readonly ServerReport[],
  ) {}

  static async start(plant?: PlantedDefect): Promise<FuzzRun> {
    const farm = await FuzzFarm.start(plant);
    try {
      await farm.control.vitals();
      return new FuzzRun(farm, await farm.reports());
    } catch (error) {
      await farm.end();
      throw error;
    }
  }

  /** Runs cases `from` to `to - 1` of the seed. */
  random(seed: number, from: number, to: number): Promise<RoundResult> {
    const cases = Array.from({ length: to - from }, (_, index) => caseOf(seed, from + index));
    return this.round(cases, `cases ${from} to ${to - 1}`, true);
  }

  /** Runs one case by itself, so that any finding is caused by it. */
  single(one: FuzzCase): Promise<RoundResult> {
    return this.round([one], one.name, false);
  }

  async end(): Promise<void> {
    await this.farm.end();
  }

  private async round(cases: readonly FuzzCase[], after: string, warms: boolean): Promise<RoundResult> {
    const began = performance.now();
    const violations = await this.runAll(cases);
    const result = (found: readonly string[], summary?: RoundSummary): RoundResult => ({
      findings: found.map((what) => ({ after, what })),
      summary,
    });
    try {
      const { findings, summary } = await this.judge(began, warms);
      return result([...violations, ...findings], summary);
    } catch (error) {
      // A server has crashed or hangs. What the witnesses report as a result adds nothing.
      return result([...violations, error instanceof Error ? error.message : String(error)]);
    }
  }

  private async runAll(cases: readonly FuzzCase[]): Promise<string[]> {
    const violations: string[] = [];
    const left = [...cases].reverse();
    const lane = async (): Promise<void> => {
      for (let next = left.pop(); next && this.farm.complaints.length === 0; next = left.pop())
        violations.push(...(await this.runOne(next)));
    };
    await Promise.all(Array.from({ length: PARALLEL }, lane));
    return violations;
  }

  private async runOne(one: FuzzCase): Promise<string[]> {
    const deadline = new AbortController();
    const timedOut = delay(CASE_DEADLINE_MS, [`${one.name}: did not finish within ${CASE_DEADLINE_MS} ms.`], {
      signal: deadline.signal,
    });
    timedOut.catch(() => undefined);
    const finished = one.run(this.farm).then(
      () => [],
      (error: unknown) => {
        if (error instanceof Violation || this.farm.complaints.length > 0)
          return [`${one.name}: ${String(error)}`];
        throw error;
      },
    );
    return Promise.race([finished, timedOut]).finally(() => deadline.abort());
  }

  private async judge(began: number, warms: boolean): Promise<{ findings: string[]; summary: RoundSummary }> {
    await this.farm.untilWitnessed();
    const seconds = (performance.now() - began) / 1000;
    // Take the vitals of the round before polling, which uses CPU time too.
    const [control, during] = await Promise.all([this.farm.control.vitals(), this.farm.reports()]);
    const roundOf = (after: ServerReport, index: number): Round => ({
      before: this.before[index] ?? after,
      after: { ...after, ...vitalsOf(during[index] ?? after) },
      control,
      witnesses: this.farm.witnessesPerServer,
      seconds,
      baseline: this.baseline?.[index],
    });
    const reports = await this.farm.settled((all) => all.map(roundOf).every(isSettled));
    const findings = reports.flatMap((report, index) =>
      judge(roundOf(report, index)).map((what) => `Server ${index}: ${what}`),
    );
    if (warms)
      findings.push(
        ...(await this.farm.leftoverChannels()).map((name) => `A server is still subscribed to ${name}.`),
      );
    findings.push(...this.farm.complaints);
    if (warms && ++this.rounds === WARM_UP_ROUNDS) this.baseline = reports;
    this.before = reports;
    return { findings, summary: this.summary(during, control, seconds) };
  }

  private summary(reports: readonly ServerReport[], control: Vitals, seconds: number): RoundSummary {
    const worst = (of: (report: ServerReport) => number): number => Math.max(...reports.map(of));
    return {
      memory: worst(({ memory }) => memory),
      peakBytes: worst(({ peakBytes }) => peakBytes),
      worstDelayMs: worst(({ worstDelayMs }) => worstDelayMs),
      worstTurnCpuMs: worst(({ worstTurnCpuMs }) => worstTurnCpuMs),
      controlDelayMs: control.worstDelayMs,
      slowestConversationMs: this.farm.slowestConversationMs,
      seconds,
    };
  }
}

function vitalsOf({ worstDelayMs, worstTurnCpuMs, peakBytes }: ServerReport): Vitals {
  return { worstDelayMs, worstTurnCpuMs, peakBytes };
}
