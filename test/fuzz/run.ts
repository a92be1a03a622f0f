import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { CORPUS } from './corpus/corpus.js';
import { type Finding, FuzzRun, type RoundResult, type RoundSummary } from './fuzz-run.js';
import { narrowed } from './narrow.js';

// npm run fuzz -- [--minutes N] [--seed N] [--from N] [--cases N] [--skip-corpus] [--narrow]

const CASES_PER_ROUND = 400;
/** Stop after this many findings, because more of the same do not help. */
const MAX_FINDINGS = 20;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: process.env.SEED ?? String(randomInt(2 ** 32)) },
    from: { type: 'string', default: '0' },
    cases: { type: 'string', default: 'Infinity' },
    'skip-corpus': { type: 'boolean', default: false },
    narrow: { type: 'boolean', default: false },
  },
});
const seed = numberOf('seed', values.seed);
const first = numberOf('from', values.from);
const end = first + numberOf('cases', values.cases);
const deadline = performance.now() + numberOf('minutes', values.minutes) * 60_000;

let cases = 0;
const findings: Finding[] = [];
let run: FuzzRun | undefined;

console.log(`Seed ${seed}. To repeat this run: npm run fuzz -- --seed ${seed}`);
if (!values['skip-corpus']) await replayCorpus();
for (
  let from = first;
  from < end && performance.now() < deadline && findings.length < MAX_FINDINGS;
  from += CASES_PER_ROUND
)
  await fuzzRound(from, Math.min(end, from + CASES_PER_ROUND));
await run?.end();
console.log(`${cases} cases, ${findings.length} findings, seed ${seed}.`);
if (findings.length > 0) process.exitCode = 1;

async function replayCorpus(): Promise<void> {
  for (const entry of CORPUS) {
    run ??= await FuzzRun.start();
    await take(await run.single(entry));
    cases++;
  }
  console.log(`Replayed the corpus of ${CORPUS.length} past findings.`);
}

async function fuzzRound(from: number, to: number): Promise<void> {
  run ??= await FuzzRun.start();
  const result = await run.random(seed, from, to);
  cases += to - from;
  if (result.summary) console.log(progress(result.summary));
  await take(result);
  if (result.findings.length === 0) return;
  console.log(
    `  To repeat this round: npm run fuzz -- --skip-corpus --seed ${seed} --from ${from} --cases ${to - from}`,
  );
  if (values.narrow) console.log(`  ${await narrowed(seed, from, to)}`);
}

/** Prints the findings. After a finding, ends the servers because they may be in any state. */
async function take(result: RoundResult): Promise<void> {
  if (result.findings.length === 0) return;
  for (const { after, what } of result.findings) console.log(`FINDING after ${after}: ${what}`);
  findings.push(...result.findings);
  await run?.end();
  run = undefined;
}

function progress(summary: RoundSummary): string {
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed()} MiB`;
  return [
    `${cases} cases`,
    `${findings.length} findings`,
    `memory ${mebibytes(summary.memory)} (peak ${mebibytes(summary.peakBytes)})`,
    `worst delay ${summary.worstDelayMs.toFixed()} ms (idle process ${summary.controlDelayMs.toFixed()} ms)`,
    `worst turn ${summary.worstTurnCpuMs.toFixed()} ms of CPU`,
    `slowest conversation ${summary.slowestConversationMs.toFixed()} ms`,
    `${summary.seconds.toFixed(1)} s`,
  ].join(', ');
}

function numberOf(name: string, value: string): number {
  const number = Number(value);
  if (value === '' || Number.isNaN(number) || number < 0) {
    console.error(`Invalid option --${name}: expected a number ≥ 0, got "${value}".`);
    process.exit(2);
  }
  return number;
}
