import { describe, expect, it } from 'vitest';
import type { Mechanism } from '../../faults/switched-off.js';
import { timelineOf } from '../../faults/timeline.js';
import type { Plan } from '../../soak/plan.js';
import { Soak } from '../../soak/soak.js';
import type { Strike } from '../../soak/strikes.js';

// Rounds in which the soak test found a defect, each with its negative twin.

const TIMEOUT_MS = 120_000;
const CYCLES = 5;
const TWIN_ROUNDS = 4;

function island(server: number, pauseMs: number, lastsMs: number): Strike {
  return { name: 'island', server, pauseMs, lastsMs, strength: 0 };
}

async function missedIn(plan: Plan, without: readonly Mechanism[] = []): Promise<readonly string[]> {
  const soak = await Soak.start('reject', without);
  try {
    const { missed, facts } = await soak.round(plan);
    if (missed.length > 0 && without.length === 0) console.error(timelineOf(facts));
    return missed;
  } finally {
    await soak.end();
  }
}

const ROUNDS: readonly [name: string, plan: Plan, without: Mechanism[]][] = [
  [
    'A server that is on another Redis for less than a heartbeat interval',
    [Array.from({ length: CYCLES }, () => island(0, 800, 300))],
    ['proof of hearing others'],
  ],
  [
    'Two servers that move to another Redis and back, one a little after the other',
    [
      // The second one follows by less than a heartbeat interval.
      Array.from({ length: CYCLES }, () => island(0, 1000, 1000)),
      Array.from({ length: CYCLES }, (_, cycle) => island(2, cycle === 0 ? 1450 : 1000, 1000)),
    ],
    ['count of moves', 'margin for slow publishes'],
  ],
];

describe.each(ROUNDS)('%s', (_name, plan, without) => {
  it('reports every missed message', { timeout: TIMEOUT_MS }, async () => {
    expect(await missedIn(plan)).toEqual([]);
  });

  // Whether a message is on its way when the fault strikes is chance, so a single round may lose nothing.
  it(
    `misses messages silently within ${TWIN_ROUNDS} rounds without the ${without.join(' and the ')}`,
    { timeout: TWIN_ROUNDS * TIMEOUT_MS },
    async () => {
      for (let round = 1; round <= TWIN_ROUNDS; round++)
        if ((await missedIn(plan, without)).join().includes('uncovered')) return;
      expect.fail('Every missed message was reported.');
    },
  );
});

it('After a fault, a round without faults has no reports', { timeout: TIMEOUT_MS }, async () => {
  const soak = await Soak.start('reject');
  try {
    const strike = { name: 'cut', server: 0, pauseMs: 100, lastsMs: 0, strength: 0 } as const;
    const { facts } = await soak.round([[strike]]);
    expect(facts.reports.length).toBeGreaterThan(0);
    expect((await soak.round([])).missed).toEqual([]);
  } finally {
    await soak.end();
  }
});
