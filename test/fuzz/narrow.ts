import { caseOf } from './cases.js';
import { FuzzRun } from './fuzz-run.js';

/** Bisects a failing round while one half still fails. Starts new servers for each attempt. */
export async function narrowed(seed: number, from: number, to: number): Promise<string> {
  const [low, high] = await halve(seed, from, to);
  const which =
    high - low === 1
      ? `Case ${low} is enough (${caseOf(seed, low).name})`
      : `Cases ${low} to ${high - 1} are enough`;
  return `${which}: --seed ${seed} --from ${low} --cases ${high - low}`;
}

async function halve(seed: number, from: number, to: number): Promise<[from: number, to: number]> {
  if (to - from === 1) return [from, to];
  const middle = (from + to) >> 1;
  for (const [low, high] of [
    [from, middle],
    [middle, to],
  ] as const)
    if (await fails(seed, low, high)) return halve(seed, low, high);
  return [from, to];
}

async function fails(seed: number, from: number, to: number): Promise<boolean> {
  const run = await FuzzRun.start();
  try {
    return (await run.random(seed, from, to)).findings.length > 0;
  } finally {
    await run.end();
  }
}
