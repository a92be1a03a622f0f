import type { ContestantName } from './contestants/contestant.js';
import { ACCEPT_GOALS, FARM_GOALS, type Goal, IDLE_GOALS, TURN_GOALS } from './goals.js';
import { median } from './statistics.js';

/** A row of the table: medians and their ratios. */
export interface Row {
  readonly scenario: string;
  readonly measure: string;
  readonly unit: string;
  readonly medians: Readonly<Partial<Record<ContestantName, number>>>;
  readonly toSocketIo: Ratio;
  readonly toFloor: Ratio;
  readonly signalrToPlain: Ratio;
}

export interface Ratio {
  readonly value: number | undefined;
  readonly goal: string | undefined;
  readonly missed: boolean;
}

/** All measured values, by goal and contestant. */
export class Results {
  private readonly values = new Map<Goal, Map<ContestantName, number[]>>();

  add<Result>(
    goals: readonly Goal<Result>[],
    scenario: string,
    contestant: ContestantName,
    result: Result,
  ): void {
    for (const goal of goals) {
      if (goal.scenario !== scenario) continue;
      const contestants = this.values.get(goal) ?? new Map<ContestantName, number[]>();
      this.values.set(goal, contestants);
      contestants.set(contestant, [...(contestants.get(contestant) ?? []), goal.of(result)]);
    }
  }

  rows(): Row[] {
    return [...TURN_GOALS, ...ACCEPT_GOALS, ...IDLE_GOALS, ...FARM_GOALS].flatMap((goal) => {
      const values = this.values.get(goal);
      return values ? [rowOf(goal, values)] : [];
    });
  }

  /** Every value, for the JSON file. */
  all(): object[] {
    return [...this.values].map(([{ scenario, measure, unit }, values]) => ({
      scenario,
      measure,
      unit,
      values: Object.fromEntries(values),
    }));
  }
}

function rowOf(goal: Goal, values: ReadonlyMap<ContestantName, readonly number[]>): Row {
  const medians = Object.fromEntries([...values].map(([name, of]) => [name, median(of)])) as Row['medians'];
  return {
    scenario: goal.scenario,
    measure: goal.measure,
    unit: goal.unit,
    medians,
    toSocketIo: ratio(goal, medians.ours, medians['socket.io'], goal.toSocketIo),
    toFloor: ratio(goal, medians.ours, medians.floor, goal.toFloor),
    signalrToPlain: ratio(goal, medians.signalr, medians.ours, goal.signalrToPlain),
  };
}

function ratio(
  { higherIsBetter }: Goal,
  ours: number | undefined,
  theirs: number | undefined,
  goal: number | undefined,
): Ratio {
  // Round to two decimals because goals have two.
  const value =
    ours === undefined || theirs === undefined ? undefined : Math.round((100 * ours) / theirs) / 100;
  return {
    value,
    goal: goal === undefined ? undefined : `${higherIsBetter ? '≥' : '≤'} ${goal}`,
    missed: value !== undefined && goal !== undefined && (higherIsBetter ? value < goal : value > goal),
  };
}
