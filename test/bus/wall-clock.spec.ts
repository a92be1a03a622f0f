import { beforeEach, describe, expect, it } from 'vitest';
import { WallClock } from '../../lib/bus/wall-clock.js';

const EPOCH = 1_800_000_000_000;
const HOUR = 3_600_000;

let now: number;
let date: number;
let clock: WallClock;

beforeEach(() => {
  now = 1000;
  date = EPOCH;
  clock = new WallClock({ now: () => now, date: () => date });
});

function pass(ms: number): void {
  now += ms;
  date += ms;
  clock.look();
}

describe('a time of the monotonic clock, as the time of day', () => {
  it('is what the clock on the wall said then, while nobody touches it', () => {
    pass(5000);
    expect(clock.earliest(3000)).toBe(EPOCH + 2000);
    expect(clock.recent(3000)).toBe(EPOCH + 2000);
  });

  it.each([
    ['forward', HOUR],
    ['back', -HOUR],
  ])('after the clock was set %s by an hour is told by the new one', (_where, step) => {
    pass(1000);
    date += step;
    pass(1000);
    pass(1000);
    expect(clock.recent(now)).toBe(date);
    expect(clock.earliest(now - 500)).toBe(date - 500);
  });

  it('before the clock was set is never told later than it was', () => {
    pass(1000);
    const before = now;
    const toldBefore = date;
    date += HOUR;
    pass(1000);
    expect(clock.earliest(before)).toBe(toldBefore);
    date -= 2 * HOUR;
    pass(1000);
    expect(clock.earliest(before)).toBe(toldBefore - HOUR);
  });

  it('before the machine slept is told as it was before', () => {
    pass(1000);
    const before = now;
    const toldBefore = date;
    date += 8 * HOUR;
    pass(250);
    expect(clock.earliest(before)).toBe(toldBefore);
    expect(clock.recent(now)).toBe(date);
  });

  it('follows a clock that drifts', () => {
    for (let second = 0; second < 100; second++) {
      date += 1;
      pass(1000);
    }
    expect(Math.abs(clock.recent(now) - date)).toBeLessThan(25);
  });
});
