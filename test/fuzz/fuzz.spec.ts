import { afterEach, describe, expect, it } from 'vitest';
import { withSeed } from '../support/seed.js';
import { messageFrame } from './client-messages.js';
import { CORPUS } from './corpus/corpus.js';
import type { FuzzCase } from './fuzz-case.js';
import { FuzzRun } from './fuzz-run.js';
import { PLANTED_EVENT, type PlantedDefect } from './planted-defects.js';
import { protocolUpgrade } from './upgrades.js';
import { map, text } from './values.js';
import { Random } from '../support/seed.js';

const CASES_PER_ROUND = 60;
/** The first two warm the servers up; the others are compared with them. */
const ROUNDS = 4;
const DEADLINE_MS = 240_000;
const GRACE_MS = 500;

let run: FuzzRun | undefined;

async function start(plant?: PlantedDefect): Promise<FuzzRun> {
  return (run = await FuzzRun.start(plant));
}

afterEach(async () => {
  await run?.end();
  run = undefined;
});

describe('Whatever clients send, and whatever is published between servers', () => {
  it(
    'harms neither the servers nor other clients: every past finding',
    async () => {
      const farm = await start();
      for (const entry of CORPUS) expect((await farm.single(entry)).findings).toEqual([]);
    },
    DEADLINE_MS,
  );

  it(
    `harms neither the servers nor other clients: ${ROUNDS * CASES_PER_ROUND} random cases`,
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

const trigger: FuzzCase = {
  name: 'the event that does harm',
  run: async (target) => {
    const session = target.open(0, 'json');
    session.write(protocolUpgrade('json'));
    session.write(
      messageFrame(new Random(1), 'json', map(['event', text(PLANTED_EVENT)], ['data', text('x')])),
    );
    await session.end(GRACE_MS);
  },
};

describe('The fuzz test finds', () => {
  it.each<[PlantedDefect, RegExp]>([
    ['crash', /ended with SIGABRT/],
    ['uncaught', /uncaught exception: Error: planted/],
    ['stall', /blocked for \d+ ms of CPU time/],
    ['memory', /used \d+ MiB at once/],
    ['wronged', /witness .* was cut off with 4000/],
  ])(
    'a planted defect: %s',
    async (defect, message) => {
      const farm = await start(defect);
      const { findings } = await farm.single(trigger);
      expect(findings.map(({ what }) => what).join('\n')).toMatch(message);
    },
    DEADLINE_MS,
  );
});
