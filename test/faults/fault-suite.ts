import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Result, runFault, startFarm } from './bench.js';
import type { Farm } from './farm.js';
import type { FaultName } from './faults.js';
import { HEADER, tableRow } from './report.js';
import type { Policy } from './messages.js';
import { timelineOf } from './timeline.js';
import type { Mechanism } from './switched-off.js';

const TIMEOUT_MS = 120_000;

/** Runs the short forms of some faults one after the other on one farm of three server processes. */
export class FaultSuite {
  private farm: Farm | undefined;

  private constructor(
    private readonly first: FaultName,
    private readonly without: readonly Mechanism[],
    policy: Policy = 'reject',
  ) {
    beforeAll(async () => {
      this.farm = await startFarm(first, 'short', without, policy);
    }, TIMEOUT_MS);
    afterAll(() => this.farm?.end());
  }

  /** Tests that each fault reaches its targets, except in the listed columns. */
  static survives(faults: Partial<Record<FaultName, readonly string[]>>, policy: Policy = 'reject'): void {
    const names = Object.keys(faults) as [FaultName, ...FaultName[]];
    describe(`A farm with the policy ${policy} under ${names.join(', ')}`, () => {
      const suite = new FaultSuite(names[0], [], policy);
      for (const name of names) suite.survives(name, faults[name] ?? []);
    });
  }

  /** The negative twins: tests that without these mechanisms each fault misses a target, so the check can fail. */
  static fails(
    mechanisms: readonly Mechanism[],
    twins: readonly (readonly [fault: FaultName, without: Mechanism, column: string])[],
  ): void {
    describe(`A farm without the ${mechanisms.join(', the ')}`, () => {
      const [first] = twins;
      if (!first) return;
      const suite = new FaultSuite(first[0], mechanisms);
      for (const [fault, without, column] of twins) suite.fails(fault, without, column);
    });
  }

  private survives(name: FaultName, open: readonly string[]): void {
    it(
      `${name}: every column reaches its target`,
      async () => {
        const result = await this.run(name);
        const missed = result.missed.filter((miss) => !open.some((column) => miss.startsWith(column)));
        expect(missed, `${HEADER}\n${tableRow(result)}\n${timelineOf(result.facts)}`).toEqual([]);
      },
      TIMEOUT_MS,
    );
  }

  private fails(name: FaultName, without: Mechanism, column: string): void {
    it(
      `${name} without the ${without}: ${column} misses its target`,
      async () => {
        const result = await this.run(name);
        const missed = result.missed.filter((miss) => miss.startsWith(column));
        expect(missed, `${HEADER}\n${tableRow(result)}`).not.toEqual([]);
      },
      TIMEOUT_MS,
    );
  }

  private run(name: FaultName): Promise<Result> {
    if (!this.farm)
      throw new Error(`The farm for ${this.first} without [${this.without.join()}] did not start.`);
    return runFault(this.farm, name, 'short');
  }
}
