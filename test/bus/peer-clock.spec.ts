import { beforeEach, describe, expect, it } from 'vitest';
import { PeerClock } from '../../lib/bus/peer-clock.js';

/** The peer's clock shows this much more than ours. */
const AHEAD = 1_000_000;

let clock: PeerClock;
let sent: number;

/** A heartbeat each second, which takes so long to come here. */
function beat(delay: number): number | undefined {
  sent += 1000;
  return clock.heard(sent + AHEAD, sent + delay);
}

beforeEach(() => {
  clock = new PeerClock();
  sent = 0;
});

describe('the clock of a peer', () => {
  it('is not known before five heartbeats', () => {
    expect([1, 2, 3, 4, 5].map(() => beat(3))).toEqual([undefined, undefined, undefined, undefined, 5003]);
  });

  it('tells when a late heartbeat was sent, by the fastest one', () => {
    for (const delay of [40, 3, 20, 8, 15]) beat(delay);
    expect(beat(2500)).toBe(sent + 3);
  });

  it('forgets after a minute, for clocks drift', () => {
    beat(1);
    for (let second = 0; second < 59; second++) beat(10);
    expect(beat(10)).toBe(sent + 10);
  });
});
