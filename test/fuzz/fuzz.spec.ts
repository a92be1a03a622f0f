import { afterEach, describe, expect, it } from 'vitest';
import { withSeed } from '../support/seed.js';
import { CORPUS } from './corpus/corpus.js';
import { FuzzRun } from './fuzz-run.js';

const CASES_PER_ROUND = 40;
/** The first two rounds warm the servers up. The third is compared with them. */
const ROUNDS = 3;
const DEADLINE_MS = 240_000;

let run: FuzzRun | undefined;

async function start(): Promise<FuzzRun> {
  return (run = await FuzzRun.start());
}

afterEach(async () => {
  await run?.end();
  run = undefined;
});

describe('Hostile input from clients and between servers', () => {
  it(
    'does not harm servers or other clients: every past finding',
    async () => {
      const farm = await start();
      // One at a time because some entries reach the clients of others.
      for (const entry of CORPUS) expect((await farm.single(entry)).findings).toEqual([]);
    },
    DEADLINE_MS,
  );

  it(
    `does not harm servers or other clients: ${ROUNDS * CASES_PER_ROUND} random cases`,
    () =>
      withSeed(async (random) => {
        const farm = await start();
        const seed = random.below(2 ** 32);
        for (let from = 0; from < ROUNDS * CASES_PER_ROUND; from += CASES_PER_ROUND) {
          const { findings } = await farm.random(seed, from, from + CASES_PER_ROUND);
          expect(
            findings,
            `npm run fuzz -- --skip-corpus --seed ${seed} --from ${from} --cases ${CASES_PER_ROUND}`,
          ).toEqual([]);
        }
      }),
    DEADLINE_MS,
  );
});
