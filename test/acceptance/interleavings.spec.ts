import { expect, it } from 'vitest';
import { serverPair, useRedis } from '../support/acceptance.js';
import type { Verdict } from '../support/membership-model.js';
import { MembershipRace, type Run } from '../support/membership-race.js';
import { withSeed } from '../support/seed.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis();

const STEPS = 10_000;
const CONNECTIONS = 12;
const HOT_GROUPS = 4;
const GROUPS = Array.from({ length: 60 }, (_, number) => `group ${number}`);

interface Judgement {
  readonly wrong: string[];
  /** How many times each verdict was given. Without enough `must` the test proves nothing. */
  readonly verdicts: Record<Verdict, number>;
}

function judge({ emitted, racers }: Run): Judgement {
  const wrong: string[] = [];
  const verdicts = { must: 0, may: 0, 'must not': 0 };
  for (const { model, received } of racers) {
    const got = new Set(received.map((wire) => wire.join('/')));
    if (got.size !== received.length) wrong.push(`${model.id} received a message twice`);
    for (const from of [0, 1]) {
      const numbers = received.filter(([sender]) => sender === from).map(([, number]) => number);
      if (numbers.some((number, index) => number < (numbers[index - 1] ?? 0)))
        wrong.push(`${model.id} received messages of server ${from} out of order`);
    }
    for (const message of emitted) {
      const verdict = model.judge(message);
      verdicts[verdict]++;
      const key = `${message.sender}/${message.number}`;
      if (verdict !== 'may' && got.has(key) !== (verdict === 'must'))
        wrong.push(
          `${model.id} of server ${model.server} ${verdict} receive ${key} to ${message.groups.join(', ')}, but ${got.has(key) ? 'did' : 'did not'}`,
        );
    }
  }
  return { wrong, verdicts };
}

it('Two servers with 10,000 random joins, leaves, disconnects and emits deliver to exactly the right connections, once and in order', async () => {
  await withSeed(async (random) => {
    const servers = await serverPair(farm, redis.url);
    const run = await new MembershipRace(farm, servers, random, GROUPS, HOT_GROUPS).run(STEPS, CONNECTIONS);

    const { wrong, verdicts } = judge(run);

    expect(wrong.slice(0, 10)).toEqual([]);
    expect(verdicts.must).toBeGreaterThan(STEPS / 4);
    expect(verdicts['must not']).toBeGreaterThan(STEPS);
    // With too many uncertain cases the test would miss defects.
    expect(verdicts.may).toBeLessThan(verdicts.must);
  });
}, 120_000);
