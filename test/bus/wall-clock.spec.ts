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

describe('monotonic time converted to the system time', () => {
  it('is the system time at that moment if the clock was not set', () => {
    pass(5000);
    expect(clock.earliest(3000)).toBe(EPOCH + 2000);
    expect(clock.recent(3000)).toBe(EPOCH + 2000);
  });

  it.each([
    ['forward', HOUR],
    ['back', -HOUR],
  ])('after the clock was set %s by an hour is converted with the new one', (_where, step) => {
    pass(1000);
    date += step;
    pass(1000);
    pass(1000);
    expect(clock.recent(now)).toBe(date);
    expect(clock.earliest(now - 500)).toBe(date - 500);
  });

  it('from before the clock was set is never too late', () => {
    pass(1000);
    const before = now;
    const dateBefore = date;
    date += HOUR;
    pass(1000);
    expect(clock.earliest(before)).toBe(dateBefore);
    date -= 2 * HOUR;
    pass(1000);
    expect(clock.earliest(before)).toBe(dateBefore - HOUR);
  });

  it('from before the machine slept is unchanged', () => {
    pass(1000);
    const before = now;
    const dateBefore = date;
    date += 8 * HOUR;
    pass(250);
    expect(clock.earliest(before)).toBe(dateBefore);
    expect(clock.recent(now)).toBe(date);
  });

  it('follows a drifting clock', () => {
    for (let second = 0; second < 100; second++) {
      date += 1;
      pass(1000);
    }
    expect(Math.abs(clock.recent(now) - date)).toBeLessThan(25);
  });
});
