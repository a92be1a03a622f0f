import { afterEach, describe, expect, it } from 'vitest';
import { messageFrame } from '../../fuzz/client-messages.js';
import type { FuzzCase } from '../../fuzz/fuzz-case.js';
import { FuzzRun } from '../../fuzz/fuzz-run.js';
import { PLANTED_EVENT, type PlantedDefect } from '../../fuzz/planted-defects.js';
import { protocolUpgrade } from '../../fuzz/upgrades.js';
import { map, text } from '../../fuzz/values.js';
import { Random } from '../../support/seed.js';

const DEADLINE_MS = 240_000;
const GRACE_MS = 500;

let run: FuzzRun | undefined;

afterEach(async () => {
  await run?.end();
  run = undefined;
});

const trigger: FuzzCase = {
  name: 'the event that triggers the planted defect',
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
    ['wronged', /witness .* was disconnected with code 4000/],
  ])(
    'a planted defect: %s',
    async (defect, message) => {
      const farm = (run = await FuzzRun.start(defect));
      const { findings } = await farm.single(trigger);
      expect(findings.map(({ what }) => what).join('\n')).toMatch(message);
    },
    DEADLINE_MS,
  );
});
