import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Hearing } from '../../lib/bus/hearing.js';
import { ManualClock } from '../support/manual-clock.js';

let clock: ManualClock;
let stoodStill: number;
let number: number;
let log: string[];
let looks: number[];
let hearing: Hearing;

beforeEach(() => {
  clock = new ManualClock();
  stoodStill = 0;
  number = 0;
  log = [];
  looks = [];
  const timers = { now: () => clock.now() + stoodStill, every: clock.every.bind(clock) };
  hearing = new Hearing(timers, {
    beat: () => {
      log.push('beat');
      hearing.sent(++number);
    },
    echoed: () => log.push('echoed'),
    deaf: (silentMs) => log.push(`deaf ${silentMs}`),
    look: (lateMs) => looks.push(lateMs),
  });
  hearing.start();
});

afterEach(() => {
  hearing.stop();
});

/** Advances the time; everything sent comes back at once. */
function passHearing(ms: number): void {
  for (let passed = 0; passed < ms; passed += 250) {
    clock.advance(250);
    hearing.echo(number);
  }
}

const count = (entry: string): number => log.filter((each) => each === entry).length;

describe('a heartbeat', () => {
  it('is published at once on begin, and not before', () => {
    clock.advance(10_000);
    expect(log).toEqual([]);
    hearing.begin();
    expect(log).toEqual(['beat']);
  });

  it('is published once a second from then on', () => {
    hearing.begin();
    hearing.echo(number);
    passHearing(10_000);
    expect(count('beat')).toBe(11);
  });

  it('is published even while nothing comes back, until the deadline', () => {
    hearing.begin();
    clock.advance(3000);
    expect(log).toEqual(['beat', 'beat', 'beat', 'beat']);
  });
});

describe('the echo', () => {
  it('is reported once, when it comes back for the first time', () => {
    hearing.begin();
    hearing.echo(1);
    hearing.echo(2);
    expect(log).toEqual(['beat', 'echoed']);
  });

  it('is reported again after a new begin', () => {
    hearing.begin();
    hearing.echo(number);
    hearing.end();
    hearing.begin();
    expect(count('echoed')).toBe(1);
    hearing.echo(number);
    expect(count('echoed')).toBe(2);
  });

  it('proves nothing while the links are down', () => {
    hearing.echo(1);
    hearing.begin();
    hearing.end();
    hearing.echo(1);
    expect(count('echoed')).toBe(0);
  });
});

describe('deafness', () => {
  it('is reported when nothing has come back for more than three seconds, not earlier', () => {
    hearing.begin();
    clock.advance(3000);
    expect(log).not.toContainEqual(expect.stringMatching('deaf'));
    clock.advance(250);
    expect(log.at(-1)).toBe('deaf 3250');
  });

  it('is never reported while own messages come back, however many are in flight', () => {
    hearing.begin();
    for (let second = 0; second < 60; second++) {
      for (let message = 0; message < 10; message++) hearing.sent(++number);
      clock.advance(1000);
      // Two seconds late, but they come back.
      hearing.echo(number - 20);
    }
    expect(log).not.toContainEqual(expect.stringMatching('deaf'));
  });

  it('is not postponed by an echo of a message older than the awaited one', () => {
    hearing.begin();
    hearing.echo(number);
    hearing.sent(100);
    clock.advance(2000);
    hearing.echo(50);
    clock.advance(1250);
    expect(log.at(-1)).toBe('deaf 3250');
  });

  it('is postponed by the echo of a later message, because a message may use channels that this server does not hear', () => {
    hearing.begin();
    hearing.echo(number);
    hearing.sent(100);
    clock.advance(2900);
    hearing.echo(101);
    clock.advance(2500);
    expect(log).not.toContainEqual(expect.stringMatching('deaf'));
  });

  it('is not reported while the links are down', () => {
    hearing.begin();
    hearing.end();
    hearing.sent(++number);
    clock.advance(60_000);
    expect(log).toEqual(['beat']);
  });

  it('is timed from the new begin', () => {
    hearing.begin();
    clock.advance(2500);
    hearing.end();
    hearing.begin();
    clock.advance(3000);
    expect(log).not.toContainEqual(expect.stringMatching('deaf'));
  });
});

describe('heardUntil', () => {
  it('is the send time of the newest message that has come back, within 20 ms', () => {
    hearing.begin();
    hearing.echo(number);
    for (let message = 0; message < 10; message++) {
      clock.advance(37);
      hearing.sent(++number);
    }
    const first = number - 9;
    hearing.echo(first + 4);
    expect(hearing.heardUntil).toBeLessThanOrEqual(37 * 5);
    expect(hearing.heardUntil).toBeGreaterThan(37 * 5 - 20);
  });

  it('does not change while nothing comes back, nor with an end and a new begin', () => {
    hearing.begin();
    hearing.echo(number);
    const { heardUntil } = hearing;
    clock.advance(2000);
    hearing.end();
    hearing.begin();
    clock.advance(2000);
    expect(hearing.heardUntil).toBe(heardUntil);
  });
});

describe('the look', () => {
  it('runs four times a second, also without links, and is not late', () => {
    clock.advance(10_000);
    expect(looks).toEqual(Array(40).fill(0));
  });

  it('reports for how long this process was stalled, which does not count as deafness', () => {
    hearing.begin();
    clock.advance(1000);
    stoodStill = 20_000;
    clock.advance(250);
    expect(looks.at(-1)).toBe(20_000);
    expect(log).not.toContainEqual(expect.stringMatching('deaf'));
    clock.advance(1750);
    expect(log).not.toContainEqual(expect.stringMatching('deaf'));
    clock.advance(250);
    expect(log.at(-1)).toMatch('deaf');
  });

  it('does not excuse later deafness with a stall in which nothing was awaited', () => {
    hearing.begin();
    hearing.echo(number);
    stoodStill = 20_000;
    clock.advance(250);
    expect(log.at(-1)).toBe('beat');
    clock.advance(3250);
    expect(log.at(-1)).toMatch('deaf');
  });

  it('ignores a timer that is a little late', () => {
    stoodStill = 200;
    clock.advance(250);
    expect(looks).toEqual([0]);
  });
});

it('nothing is reported after stop', () => {
  hearing.begin();
  hearing.stop();
  clock.advance(60_000);
  expect(log).toEqual(['beat']);
  expect(looks).toEqual([]);
  expect(clock.timerCount).toBe(0);
});

describe('the last time that was heard', () => {
  it('is the send time of the last own message that came back', () => {
    hearing.begin();
    hearing.echo(number);
    passHearing(1000);
    const proven = hearing.heardUntil;
    clock.advance(2000);
    expect(hearing.heardUntil).toBe(proven);
  });

  it('advances with a peer’s heartbeat that was sent later, and never goes back', () => {
    hearing.begin();
    hearing.echo(number);
    const proven = hearing.heardUntil;
    hearing.witness(proven + 1500);
    expect(hearing.heardUntil).toBe(proven + 1500);
    hearing.witness(proven + 500);
    expect(hearing.heardUntil).toBe(proven + 1500);
  });

  it('does not change while the links are down', () => {
    hearing.begin();
    hearing.echo(number);
    const proven = hearing.heardUntil;
    hearing.end();
    hearing.witness(proven + 1500);
    expect(hearing.heardUntil).toBe(proven);
  });
});

describe('how long a message takes', () => {
  it('does not contain a stall of this process, whether the echo or the timer is handled first', () => {
    hearing.begin();
    clock.advance(10);
    hearing.echo(number);
    expect([hearing.lagMs, hearing.travelMs]).toEqual([10, 10]);
    for (const lookFirst of [true, false]) {
      const sent = ++number;
      hearing.sent(sent);
      stoodStill += 6000;
      if (lookFirst) clock.advance(250);
      hearing.echo(sent);
      expect(hearing.lagMs).toBeGreaterThanOrEqual(6000);
      expect(hearing.travelMs).toBeLessThanOrEqual(250);
    }
  });
});
