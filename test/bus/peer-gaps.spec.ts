import { beforeEach, describe, expect, it } from 'vitest';
import type { Gap } from '../../lib/bus/moves.js';
import { DEAD_AFTER_MS, Peers } from '../../lib/bus/peers.js';
import { FIRST_CAPABILITIES } from '../../lib/protocol/capabilities.js';

const TEN_MINUTES = 600_000;

let clock: number;
let peers: Peers;

beforeEach(() => {
  clock = 5_000_000;
  peers = new Peers(() => clock);
  peers.listen();
});

/** A heartbeat of a server that stays on its Redis node. */
function beat(serverId: string, number: number, lagMs: number, ageMs = 0, travelMs = lagMs): Gap | undefined {
  const move = { count: 0, leftAt: 0, arrivedAt: 0 };
  const capabilities = FIRST_CAPABILITIES;
  const [gap] = peers.beat(serverId, { number, ageMs, publishMs: 0, move, capabilities }, lagMs, travelMs);
  return gap;
}

/** Advances the time with four sweeps a second, as the bus does. */
function pass(ms: number): void {
  for (const end = clock + ms; clock < end;) {
    clock += 250;
    peers.sweep(clock);
  }
}

describe('a server that is heard for the first time', () => {
  it('has lost nothing if it has just started', () => {
    pass(60_000);
    peers.heard('a', 1, 0);
    expect(beat('a', 1, 0, 500)).toBeUndefined();
  });

  it('and has sent heartbeats before was on another Redis: all it published since its start may be lost', () => {
    pass(60_000);
    peers.heard('a', 300, 0);
    expect(beat('a', 30, 0, 32_000)).toEqual({ from: clock - 32_000, to: clock });
  });

  it('and is older than this server: all it published since this server hears may be lost', () => {
    const since = clock;
    pass(60_000);
    peers.heard('a', 300, 0);
    expect(beat('a', 3000, 20, 3_000_000)).toEqual({ from: since - 20, to: clock });
  });

  it('right after this server started has lost nothing, unless it has just moved', () => {
    pass(1000);
    peers.heard('a', 300, 0);
    expect(beat('a', 3000, 0, 3_000_000)).toBeUndefined();

    const since = clock - 1000;
    peers.heard('b', 300, 0);
    const move = { count: 1, leftAt: since - 5000, arrivedAt: clock - 200 };
    const capabilities = FIRST_CAPABILITIES;
    const late = { number: 3000, ageMs: 3_000_000, publishMs: 0, move, capabilities };
    expect(peers.beat('b', late, 0, 0)).toEqual([{ from: since, to: clock - 200 }]);
  });

  it('after it was silent for so long that it was forgotten is reported too', () => {
    peers.heard('a', 1, 0);
    beat('a', 1, 0, 0);
    pass(TEN_MINUTES + DEAD_AFTER_MS);
    const from = clock - TEN_MINUTES - DEAD_AFTER_MS;
    peers.heard('a', 2000, 0);
    expect(beat('a', 604, 0, TEN_MINUTES + DEAD_AFTER_MS)).toEqual({ from, to: clock });
  });
});

describe('a heartbeat', () => {
  it('that follows the previous one shows no gap, and neither does the first one', () => {
    peers.heard('a', 10, 0);
    expect(beat('a', 5, 0)).toBeUndefined();
    for (const number of [6, 7, 8]) {
      pass(1000);
      peers.heard('a', 10 + number, 0);
      expect(beat('a', number, 0)).toBeUndefined();
    }
  });

  it('that skips a number shows a gap from the last message before it to the next', () => {
    peers.heard('a', 1, 0);
    beat('a', 1, 0);
    pass(250);
    peers.heard('a', 2, 0);
    const from = clock;
    pass(1750);
    peers.heard('a', 9, 0);
    const gap = beat('a', 3, 0);
    expect(gap?.to).toBe(clock);
    expect(gap?.from).toBeLessThanOrEqual(from);
    expect(gap?.from).toBeGreaterThan(from - 250);
  });

  it('that skips a number shows the pause, even if messages arrived again before it', () => {
    peers.heard('a', 1, 0);
    beat('a', 1, 0);
    const from = clock;
    pass(2500);
    peers.heard('a', 8, 0);
    const to = clock;
    pass(500);
    peers.heard('a', 9, 0);
    const gap = beat('a', 4, 0);
    expect(gap?.to).toBe(to);
    expect(gap?.from).toBeLessThanOrEqual(from);
    expect(gap?.from).toBeGreaterThan(from - 250);
    pass(1000);
    peers.heard('a', 10, 0);
    expect(beat('a', 5, 0)).toBeUndefined();
  });
});

describe('a gap', () => {
  it('begins when the server was last heard, even if this process was stalled since', () => {
    peers.heard('a', 1, 0);
    beat('a', 1, 0);
    const from = clock;
    pass(900);
    peers.excuse(900);
    pass(1100);
    peers.heard('a', 9, 0);
    expect(beat('a', 3, 0)?.from).toBeLessThanOrEqual(from);
  });

  it('begins earlier by the time that a message takes through Redis', () => {
    peers.heard('a', 1, 0);
    beat('a', 1, 0);
    const from = clock;
    pass(2000);
    peers.heard('a', 9, 0);
    expect(beat('a', 3, 400)?.from).toBeLessThanOrEqual(from - 400);
  });

  it('does not begin earlier because this process was stalled after the last message', () => {
    peers.heard('a', 1, 5);
    beat('a', 1, 5);
    const from = clock;
    pass(6000);
    // An echo that was sent before the stall of six seconds was read just now.
    peers.heard('a', 9, 6000);
    expect(beat('a', 3, 6000, 0, 5)).toEqual({ from: from - 5, to: clock });
  });

  it('begins earlier by the stall before which the last message may have been sent', () => {
    peers.heard('a', 1, 6000);
    beat('a', 1, 6000);
    const from = clock;
    pass(2000);
    peers.heard('a', 9, 5);
    expect(beat('a', 3, 5)?.from).toBe(from - 6000);
  });
});
