import { beforeEach, describe, expect, it } from 'vitest';
import { DEAD_AFTER_MS, Peers } from '../../lib/bus/peers.js';
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

/** Advances the time with four sweeps a second, as the bus does; each of these servers sends a heartbeat every second. */
function pass(ms: number, beating: Record<string, number> = {}): void {
  for (const end = clock + ms; clock < end;) {
    clock += 250;
    if (clock % HEARTBEAT_MS === 0) {
      for (const [serverId, number] of Object.entries(beating)) {
        peers.heard(serverId, number, 0);
        beating[serverId] = number + 1;
      }
    }
    peers.sweep(clock);
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
    const read = [5, 5, 4, 6, 9, 7, 9, 10].map((number) => peers.heard('a', number, 0));
    expect(read).toEqual(['new', 'old', 'old', 'new', 'new', 'old', 'old', 'new']);
  });

  it('is numbered independently of other servers', () => {
    expect(peers.heard('a', 100, 0)).toBe('new');
    expect(peers.heard('b', 1, 0)).toBe('new');
  });
});

describe('a number that no server reaches', () => {
  it('is impossible, and neither makes the server alive nor hides later messages', () => {
    peers.heard('a', 7, 0);
    pass(3000);
    expect(peers.heard('a', 7 + 1_000_000_001, 0)).toBe('impossible');
    expect(peers.heard('a', 8, 0)).toBe('new');
    pass(3000);
    expect(peers.heard('a', 2 ** 48 - 1, 0)).toBe('impossible');
    pass(DEAD_AFTER_MS - 3000 + 250);
    expect(lost.values).toEqual(['a']);
    expect(peers.heard('a', 2 ** 48 - 1, 0)).toBe('impossible');
    expect([...peers.alive]).toEqual([]);
  });
});

describe('a server that falls silent', () => {
  it('is lost after four heartbeats, not before, and reported once', () => {
    peers.heard('a', 1, 0);
    pass(DEAD_AFTER_MS);
    expect([...peers.alive]).toEqual(['a']);
    pass(250);
    expect([...peers.alive]).toEqual([]);
    pass(20_000);
    expect(lost.values).toEqual(['a']);
  });

  it('is lost although other servers send heartbeats', () => {
    peers.heard('a', 1, 0);
    pass(6000, { b: 1 });
    expect(lost.values).toEqual(['a']);
    expect([...peers.alive]).toEqual(['b']);
  });

  it('is alive again when it returns, and its old messages are not accepted twice', () => {
    peers.heard('a', 7, 0);
    pass(5000);
    expect(peers.heard('a', 7, 0)).toBe('old');
    expect(peers.heard('a', 8, 0)).toBe('new');
    expect([...peers.alive]).toEqual(['a']);
    pass(5000);
    expect(lost.values).toEqual(['a', 'a']);
  });

  it('has its last number kept for ten minutes', () => {
    peers.heard('a', 7, 0);
    pass(TEN_MINUTES);
    expect(peers.heard('a', 7, 0)).toBe('old');
    pass(TEN_MINUTES + 250);
    expect(peers.heard('a', 7, 0)).toBe('new');
  });
});

describe('silent', () => {
  it('lists a server for a minute after it timed out', () => {
    peers.heard('a', 1, 0);
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
    peers.heard('a', 1, 0);
    peers.heard('b', 1, 0);
    peers.left('a');
    pass(5000);
    expect([...peers.silent]).toEqual(['b']);
    peers.heard('b', 2, 0);
    expect([...peers.silent]).toEqual([]);
  });
});

describe('a server that says goodbye', () => {
  it('is lost at once, and reported once', () => {
    peers.heard('a', 1, 0);
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
    peers.heard('a', 1, 0);
    peers.deaf();
    pass(60_000);
    expect([...peers.alive]).toEqual(['a']);
    expect(lost.values).toEqual([]);
  });

  it('for the full timeout after this server hears again', () => {
    peers.heard('a', 1, 0);
    peers.deaf();
    pass(60_000);
    peers.listen();
    pass(DEAD_AFTER_MS);
    expect(lost.values).toEqual([]);
    pass(250);
    expect(lost.values).toEqual(['a']);
  });

  it('for as long as this process was stalled', () => {
    peers.heard('a', 1, 0);
    clock += 30_000;
    peers.excuse(30_000);
    peers.sweep(clock);
    expect(lost.values).toEqual([]);
    pass(DEAD_AFTER_MS + 250);
    expect(lost.values).toEqual(['a']);
  });
});
