import { beforeEach, describe, expect, it } from 'vitest';
import { PeerClock } from '../../lib/bus/peer-clock.js';

/** How far the peer's clock is ahead of this server's, in milliseconds. */
const AHEAD = 1_000_000;

let clock: PeerClock;
let sent: number;

/** A heartbeat each second, which arrives after `delay` milliseconds. */
function beat(delay: number): number | undefined {
  sent += 1000;
  return clock.heard(sent + AHEAD, sent + delay);
}

beforeEach(() => {
  clock = new PeerClock();
  sent = 0;
});

describe('the clock of a peer', () => {
  it('is unknown until five heartbeats were heard', () => {
    expect([1, 2, 3, 4, 5].map(() => beat(3))).toEqual([undefined, undefined, undefined, undefined, 5003]);
  });

  it('dates a late heartbeat by the fastest one', () => {
    for (const delay of [40, 3, 20, 8, 15]) beat(delay);
    expect(beat(2500)).toBe(sent + 3);
  });

  it('forgets heartbeats after a minute, because clocks drift', () => {
    beat(1);
    for (let second = 0; second < 59; second++) beat(10);
    expect(beat(10)).toBe(sent + 10);
  });
});
