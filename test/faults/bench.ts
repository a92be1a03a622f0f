import { setTimeout as wait } from 'node:timers/promises';
import { now } from './clock.js';
import type { Facts } from './facts.js';
import { Farm, type FarmOptions } from './farm.js';
import type { Fault, Form } from './fault.js';
import { FAULTS, type FaultName } from './faults.js';
import { judge, misses, type Row } from './judge.js';
import type { Policy } from './messages.js';
import type { Mechanism } from './switched-off.js';

interface Pace extends Pick<FarmOptions, 'rate' | 'clientsPerServer'> {
  readonly beforeMs: number;
  /** How long to keep emitting after recovery, to catch late reports and messages. */
  readonly afterMs: number;
}

const PACE: Readonly<Record<Form, Pace>> = {
  short: { rate: 300, clientsPerServer: 4, beforeMs: 300, afterMs: 700 },
  full: { rate: 1000, clientsPerServer: 8, beforeMs: 2000, afterMs: 12_000 },
};
const RECOVERY_DEADLINE_MS = 4000;
/** Buffered messages are published within this time. The flush starts 1.5 s after the servers are ready. */
const FLUSHED_MS = 4000;

export interface Result {
  readonly fault: FaultName;
  readonly policy: Policy;
  readonly row: Row;
  /** The columns that miss their target. */
  readonly missed: readonly string[];
  readonly facts: Facts;
}

/** Starts a farm with the wiring that the fault needs. The caller must end it. */
export function startFarm(
  name: FaultName,
  form: Form,
  without: readonly Mechanism[] = [],
  policy: Policy = 'reject',
): Promise<Farm> {
  const fault: Fault = FAULTS[name];
  return Farm.start({ wiring: 'direct', absent: false, ...PACE[form], ...fault.farm, without, policy });
}

/** Runs one fault on a farm, which may have been through other faults before. */
export async function runFault(farm: Farm, name: FaultName, form: Form): Promise<Result> {
  const fault: Fault = FAULTS[name];
  const { beforeMs, afterMs } = PACE[form];
  await farm.settled();
  farm.load();
  await wait(beforeMs);
  const begin = farm.options.absent ? farm.startedAt : now();
  await fault.run(farm, fault.lasts[form], form);
  const end = now();
  await farm.untilReady(RECOVERY_DEADLINE_MS);
  await wait(farm.options.policy === 'buffer' ? Math.max(afterMs, FLUSHED_MS) : afterMs);
  await farm.halt();
  const facts = farm.facts(begin, end);
  const row = judge(facts, fault);
  return { fault: name, policy: farm.options.policy, row, missed: misses(row), facts };
}
