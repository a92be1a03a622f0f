import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { isPolicy, POLICIES, type Policy } from '../faults/messages.js';
import { timelineOf } from '../faults/timeline.js';
import { Random } from '../support/seed.js';
import { describePlan, type Plan, planOf } from './plan.js';
import { SERVER_COUNT, Soak, type SoakResult } from './soak.js';

// npm run soak -- [--minutes N] [--seed N] [--policy reject|local|buffer]… [--round N] [--rounds N]

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: process.env.SEED ?? String(randomInt(2 ** 32)) },
    policy: { type: 'string', multiple: true, default: [...POLICIES] },
    round: { type: 'string', default: '0' },
    rounds: { type: 'string', default: 'Infinity' },
  },
});
const seed = numberOf('seed', values.seed);
const first = numberOf('round', values.round);
const last = first + numberOf('rounds', values.rounds);
const minutes = numberOf('minutes', values.minutes);
const policies = values.policy.filter(isPolicy);
if (policies.length < values.policy.length)
  fail(`Invalid option --policy: expected one of ${POLICIES.join(', ')}.`);

let rounds = 0;
let findings = 0;
console.log(`Seed ${seed}. To repeat these faults: npm run soak -- --seed ${seed}`);
for (const policy of policies) await soak(policy, (minutes * 60_000) / policies.length);
console.log(`${rounds} rounds, ${findings} findings, seed ${seed}.`);
if (findings > 0) process.exitCode = 1;

/**
 * Runs rounds with one policy. After a finding the next round starts a new farm, because this one may be in any state.
 */
async function soak(policy: Policy, forMs: number): Promise<void> {
  const deadline = performance.now() + forMs;
  let running: Soak | undefined;
  for (let round = first; round < last && performance.now() < deadline; round++) {
    const plan = planOf(new Random(seed + round), round, SERVER_COUNT);
    running ??= await Soak.start(policy);
    const result = await running.round(plan).catch((error: unknown) => error);
    rounds++;
    if (isClean(policy, round, plan, result)) continue;
    findings++;
    await running.end();
    running = undefined;
  }
  await running?.end();
}

function isClean(policy: Policy, round: number, plan: Plan, result: unknown): boolean {
  const name = `${policy}, round ${round}: ${describePlan(plan)}`;
  if (isResult(result) && result.missed.length === 0) {
    const { emits, received, covered, widthMs } = result.row;
    console.log(`${name}: ${emits} emits, ${received} received, ${covered} reported, width ${widthMs} ms`);
    return true;
  }
  console.log(`FINDING ${name}`);
  if (isResult(result)) console.log(`${result.missed.join(', ')}\n${timelineOf(result.facts)}`);
  else console.log(result);
  console.log(
    `  To repeat this round: npm run soak -- --seed ${seed} --policy ${policy} --round ${round} --rounds 1`,
  );
  return false;
}

function isResult(result: unknown): result is SoakResult {
  return typeof result === 'object' && result !== null && 'missed' in result;
}

function numberOf(name: string, value: string): number {
  const number = Number(value);
  if (value === '' || Number.isNaN(number) || number < 0)
    fail(`Invalid option --${name}: expected a number ≥ 0, got "${value}".`);
  return number;
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
