import { beforeEach, describe, expect, it } from 'vitest';
import type { Gap } from '../../lib/bus/moves.js';
import { DEAD_AFTER_MS, Peers } from '../../lib/bus/peers.js';
import { FIRST_CAPABILITIES } from '../../lib/protocol/capabilities.js';
import { collect } from '../support/observe.js';

const HEARTBEAT_MS = 1000;
const TEN_MINUTES = 600_000;

let clock: number;
let peers: Peers;
let lost: { readonly values: string[]; readonly completed: boolean };

beforeEach(() => {
  clock = 5_000_000;
  peers = new Peers(() => clock);
  lost = collect(peers.lost$);
  peers.listen();
});

/** A heartbeat of a server that stays on its Redis node. */
function beat(serverId: string, number: number, lagMs: number, ageMs = 0): Gap | undefined {
  const move = { count: 0, leftAt: 0, arrivedAt: 0 };
  const capabilities = FIRST_CAPABILITIES;
  const [gap] = peers.beat(serverId, { number, ageMs, publishMs: 0, move, capabilities }, lagMs);
  return gap;
}

/** Advances the time with four sweeps a second, as the bus does; each of these servers sends a heartbeat every second. */
function pass(ms: number, beating: Record<string, number> = {}): void {
  for (const end = clock + ms; clock < end;) {
    clock += 250;
    if (clock % HEARTBEAT_MS === 0) {
      for (const [serverId, number] of Object.entries(beating)) {
        peers.heard(serverId, number);
        beating[serverId] = number + 1;
      }
    }
    peers.sweep();
  }
}

describe('a server that is heard', () => {
  it('is alive from its first message on, as long as it sends heartbeats', () => {
    expect([...peers.alive]).toEqual([]);
    pass(60_000, { a: 1, b: 1 });
    expect([...peers.alive]).toEqual(['a', 'b']);
    expect(lost.values).toEqual([]);
  });

  it('has each number accepted once, in ascending order', () => {
    const read = [5, 5, 4, 6, 9, 7, 9, 10].map((number) => peers.heard('a', number));
    expect(read).toEqual(['new', 'old', 'old', 'new', 'new', 'old', 'old', 'new']);
  });

  it('is numbered independently of other servers', () => {
    expect(peers.heard('a', 100)).toBe('new');
    expect(peers.heard('b', 1)).toBe('new');
  });
});

describe('a server that is heard for the first time', () => {
  it('has lost nothing if it has just started', () => {
    pass(60_000);
    peers.heard('a', 1);
    expect(beat('a', 1, 0, 500)).toBeUndefined();
  });

  it('and has sent heartbeats before was on another Redis: all it published since its start may be lost', () => {
    pass(60_000);
    peers.heard('a', 300);
    expect(beat('a', 30, 0, 32_000)).toEqual({ from: clock - 32_000, to: clock });
  });

  it('and is older than this server: all it published since this server hears may be lost', () => {
    const since = clock;
    pass(60_000);
    peers.heard('a', 300);
    expect(beat('a', 3000, 20, 3_000_000)).toEqual({ from: since - 20, to: clock });
  });

  it('right after this server started has lost nothing, unless it has just moved', () => {
    pass(1000);
    peers.heard('a', 300);
    expect(beat('a', 3000, 0, 3_000_000)).toBeUndefined();

    const since = clock - 1000;
    peers.heard('b', 300);
    const move = { count: 1, leftAt: since - 5000, arrivedAt: clock - 200 };
    const capabilities = FIRST_CAPABILITIES;
    const late = { number: 3000, ageMs: 3_000_000, publishMs: 0, move, capabilities };
    expect(peers.beat('b', late, 0)).toEqual([{ from: since, to: clock - 200 }]);
  });

  it('after it was silent for so long that it was forgotten is reported too', () => {
    peers.heard('a', 1);
    beat('a', 1, 0, 0);
    pass(TEN_MINUTES + DEAD_AFTER_MS);
    const from = clock - TEN_MINUTES - DEAD_AFTER_MS;
    peers.heard('a', 2000);
    expect(beat('a', 604, 0, TEN_MINUTES + DEAD_AFTER_MS)).toEqual({ from, to: clock });
  });
});

describe('a number that no server reaches', () => {
  it('is impossible, and neither makes the server alive nor hides later messages', () => {
    peers.heard('a', 7);
    pass(3000);
    expect(peers.heard('a', 7 + 1_000_000_001)).toBe('impossible');
    expect(peers.heard('a', 8)).toBe('new');
    pass(3000);
    expect(peers.heard('a', 2 ** 48 - 1)).toBe('impossible');
    pass(DEAD_AFTER_MS - 3000 + 250);
    expect(lost.values).toEqual(['a']);
    expect(peers.heard('a', 2 ** 48 - 1)).toBe('impossible');
    expect([...peers.alive]).toEqual([]);
  });
});

describe('a server that falls silent', () => {
  it('is lost after four heartbeats, not before, and reported once', () => {
    peers.heard('a', 1);
    pass(DEAD_AFTER_MS);
    expect([...peers.alive]).toEqual(['a']);
    pass(250);
    expect([...peers.alive]).toEqual([]);
    pass(20_000);
    expect(lost.values).toEqual(['a']);
  });

  it('is lost although other servers send heartbeats', () => {
    peers.heard('a', 1);
    pass(6000, { b: 1 });
    expect(lost.values).toEqual(['a']);
    expect([...peers.alive]).toEqual(['b']);
  });

  it('is alive again when it returns, and its old messages are not accepted twice', () => {
    peers.heard('a', 7);
    pass(5000);
    expect(peers.heard('a', 7)).toBe('old');
    expect(peers.heard('a', 8)).toBe('new');
    expect([...peers.alive]).toEqual(['a']);
    pass(5000);
    expect(lost.values).toEqual(['a', 'a']);
  });

  it('has its last number kept for ten minutes', () => {
    peers.heard('a', 7);
    pass(TEN_MINUTES);
    expect(peers.heard('a', 7)).toBe('old');
    pass(TEN_MINUTES + 250);
    expect(peers.heard('a', 7)).toBe('new');
  });
});

describe('silent', () => {
  it('lists a server for a minute after it timed out', () => {
    peers.heard('a', 1);
    pass(DEAD_AFTER_MS);
    expect([...peers.silent]).toEqual([]);
    pass(250);
    expect([...peers.silent]).toEqual(['a']);
    pass(60_000);
    expect([...peers.silent]).toEqual(['a']);
    pass(250);
    expect([...peers.silent]).toEqual([]);
  });

  it('does not list a server that said goodbye or is heard again', () => {
    peers.heard('a', 1);
    peers.heard('b', 1);
    peers.left('a');
    pass(5000);
    expect([...peers.silent]).toEqual(['b']);
    peers.heard('b', 2);
    expect([...peers.silent]).toEqual([]);
  });
});

describe('a heartbeat', () => {
  it('that follows the previous one shows no gap, and neither does the first one', () => {
    peers.heard('a', 10);
    expect(beat('a', 5, 0)).toBeUndefined();
    for (const number of [6, 7, 8]) {
      pass(1000);
      peers.heard('a', 10 + number);
      expect(beat('a', number, 0)).toBeUndefined();
    }
  });

  it('that skips a number shows a gap from the last message before it to the next', () => {
    peers.heard('a', 1);
    beat('a', 1, 0);
    pass(250);
    peers.heard('a', 2);
    const from = clock;
    pass(1750);
    peers.heard('a', 9);
    const gap = beat('a', 3, 0);
    expect(gap?.to).toBe(clock);
    expect(gap?.from).toBeLessThanOrEqual(from);
    expect(gap?.from).toBeGreaterThan(from - 250);
  });

  it('that skips a number shows the pause, even if messages arrived again before it', () => {
    peers.heard('a', 1);
    beat('a', 1, 0);
    const from = clock;
    pass(2500);
    peers.heard('a', 8);
    const to = clock;
    pass(500);
    peers.heard('a', 9);
    const gap = beat('a', 4, 0);
    expect(gap?.to).toBe(to);
    expect(gap?.from).toBeLessThanOrEqual(from);
    expect(gap?.from).toBeGreaterThan(from - 250);
    pass(1000);
    peers.heard('a', 10);
    expect(beat('a', 5, 0)).toBeUndefined();
  });
});

describe('a gap', () => {
  it('begins when the server was last heard, even if this process was stalled since', () => {
    peers.heard('a', 1);
    beat('a', 1, 0);
    const from = clock;
    pass(900);
    peers.excuse(900);
    pass(1100);
    peers.heard('a', 9);
    expect(beat('a', 3, 0)?.from).toBeLessThanOrEqual(from);
  });

  it('begins earlier by the time that a message takes through Redis', () => {
    peers.heard('a', 1);
    beat('a', 1, 0);
    const from = clock;
    pass(2000);
    peers.heard('a', 9);
    expect(beat('a', 3, 400)?.from).toBeLessThanOrEqual(from - 400);
  });
});

describe('a server that says goodbye', () => {
  it('is lost at once, and reported once', () => {
    peers.heard('a', 1);
    peers.left('a');
    peers.left('a');
    expect(lost.values).toEqual(['a']);
    pass(20_000);
    expect(lost.values).toEqual(['a']);
  });

  it('is not reported if it was unknown', () => {
    peers.left('a');
    expect(lost.values).toEqual([]);
  });
});

describe('silence proves nothing', () => {
  it('while this server is deaf, however long', () => {
    peers.heard('a', 1);
    peers.deaf();
    pass(60_000);
    expect([...peers.alive]).toEqual(['a']);
    expect(lost.values).toEqual([]);
  });

  it('for the full timeout after this server hears again', () => {
    peers.heard('a', 1);
    peers.deaf();
    pass(60_000);
    peers.listen();
    pass(DEAD_AFTER_MS);
    expect(lost.values).toEqual([]);
    pass(250);
    expect(lost.values).toEqual(['a']);
  });

  it('for as long as this process was stalled', () => {
    peers.heard('a', 1);
    clock += 30_000;
    peers.excuse(30_000);
    peers.sweep();
    expect(lost.values).toEqual([]);
    pass(DEAD_AFTER_MS + 250);
    expect(lost.values).toEqual(['a']);
  });
});
