import { describe, expect, it } from 'vitest';
import { Random } from '../support/seed.js';
import { type Plan, planOf } from './plan.js';
import { PROCESS_STRIKES, REDIS_STRIKES, STRIKES } from './strikes.js';

const SERVERS = 3;

const plans: Plan[] = Array.from({ length: 400 }, (_, round) => planOf(new Random(round), round, SERVERS));
const strikes = plans.flat(2);

describe('The plan of a round', () => {
  it('is the same for the same seed, and different for another seed', () => {
    expect(planOf(new Random(5), 1, SERVERS)).toEqual(planOf(new Random(5), 1, SERVERS));
    expect(planOf(new Random(5), 1, SERVERS)).not.toEqual(planOf(new Random(6), 1, SERVERS));
  });

  it('is calm in every eighth round, and not in the others', () => {
    expect(plans.map((plan) => plan.length === 0)).toEqual(plans.map((_, round) => round % 8 === 0));
  });

  it('eventually has every kind of fault, both short and long', () => {
    expect(new Set(strikes.map(({ name }) => name))).toEqual(new Set(Object.keys(STRIKES)));
    for (const [name, { lastsMs }] of Object.entries(STRIKES)) {
      const [min, max] = lastsMs;
      const lasting = strikes.filter((strike) => strike.name === name).map((strike) => strike.lastsMs);
      const middle = (min + max) / 2;
      expect(lasting.every((ms) => ms >= min && ms <= max)).toBe(true);
      expect(lasting.some((ms) => ms <= middle)).toBe(true);
      expect(lasting.some((ms) => ms >= middle)).toBe(true);
    }
  });

  it('strikes every server and no other index', () => {
    expect(new Set(strikes.map(({ server }) => server))).toEqual(new Set([0, 1, 2]));
  });

  it('has at most one fault at a time for Redis, for each server’s network and for a process', () => {
    for (const plan of plans) {
      const kinds = plan.map(([first]) => {
        if (!first) return '';
        if (first.name in REDIS_STRIKES) return 'Redis';
        return first.name in PROCESS_STRIKES ? 'process' : `network ${first.server}`;
      });
      expect(new Set(kinds).size).toBe(kinds.length);
    }
  });
});
