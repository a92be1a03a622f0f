import { beforeEach, describe, expect, it } from 'vitest';
import { type Gap, missedWhileMoving, Moves } from '../../lib/bus/moves.js';
import { DEAD_AFTER_MS, Peers } from '../../lib/bus/peers.js';
import { FIRST_CAPABILITIES } from '../../lib/protocol/capabilities.js';

let clock: number;
let peers: Peers;
let number: number;

beforeEach(() => {
  clock = 5_000_000;
  number = 0;
  peers = new Peers(() => clock);
  peers.connected();
  peers.listen();
});

/** This server's subscriber link is lost after `afterMs`; after `downMs` a new one is up, and this server hears itself. */
function relink(afterMs: number, downMs = 0): ReturnType<Peers['disconnected']> {
  clock += afterMs;
  peers.deaf();
  const unproven = peers.disconnected();
  clock += downMs;
  peers.connected();
  peers.listen();
  return unproven;
}

/** The next heartbeat of the peer. @param move the last move of its publisher link */
function beat(move: { count: number; leftAt?: number; arrivedAt?: number } = { count: 0 }): readonly Gap[] {
  peers.heard('a', ++number, 0);
  const still = { leftAt: 0, arrivedAt: 0 };
  const capabilities = FIRST_CAPABILITIES;
  const heartbeat = { number, ageMs: 0, publishMs: 0, move: { ...still, ...move }, capabilities };
  return peers.beat('a', heartbeat, 0, 0);
}

describe('the gap when the subscriber link is lost', () => {
  it('is empty if every peer was heard on it, before or after the first echo', () => {
    peers.heard('a', 1, 0);
    expect(relink(100)).toEqual([]);
    clock += 10;
    peers.heard('a', 2, 0);
    expect(relink(100)).toEqual([]);
    peers.deaf();
    peers.disconnected();
    peers.connected();
    peers.heard('a', 3, 0);
    peers.listen();
    expect(relink(100)).toEqual([]);
  });

  it('is the whole time in which this server heard itself, for a peer that was not heard', () => {
    for (const server of ['a', 'b']) peers.heard(server, 1, 0);
    relink(1000, 50);
    const from = clock;
    clock += 200;
    peers.heard('b', 2, 0);
    expect(relink(230)).toEqual([{ origin: 'a', from, to: from + 430 }]);
  });

  it('begins with the first echo on that link, even if the publisher link was lost in the meantime', () => {
    peers.heard('a', 1, 0);
    relink(1000);
    const from = clock;
    clock += 100;
    peers.deaf();
    clock += 100;
    peers.listen();
    expect(relink(0)).toEqual([{ origin: 'a', from, to: clock }]);
  });

  it('is empty for a peer that is dead or has said goodbye', () => {
    for (const server of ['a', 'b']) peers.heard(server, 1, 0);
    relink(1000);
    peers.left('a');
    clock += DEAD_AFTER_MS + 1;
    peers.sweep(clock);
    expect(relink(0)).toEqual([]);
  });

  it('is empty if this server did not hear itself, because deafness is reported anyway', () => {
    peers.heard('a', 1, 0);
    relink(10);
    peers.disconnected();
    peers.connected();
    clock += 1000;
    expect(peers.disconnected()).toEqual([]);
  });
});

describe('a server whose publisher link has moved', () => {
  it('is reported once, although later heartbeats repeat the move', () => {
    beat();
    relink(100, 50);
    const move = { count: 1, leftAt: clock - 50, arrivedAt: clock - 10 };
    expect(beat(move)).toEqual([]);
    clock += 1000;
    expect(beat(move)).toEqual([]);
  });

  it('was missed on the old node if it left after this server had arrived on the new one', () => {
    beat();
    relink(100, 50);
    const from = clock;
    clock += 300;
    expect(beat({ count: 1, leftAt: clock - 100, arrivedAt: clock - 40 })).toEqual([
      { from, to: from + 200 },
    ]);
  });

  it('was missed on the new node if it arrived before this server had left the old one', () => {
    beat();
    const arrivedAt = clock + 60;
    relink(100, 50);
    expect(beat({ count: 1, leftAt: arrivedAt - 20, arrivedAt })).toEqual([
      { from: arrivedAt, to: arrivedAt + 40 },
    ]);
  });

  it('is not reported from before its last heartbeat, whatever times it claims', () => {
    const lastBeat = clock;
    beat();
    relink(100, 50);
    expect(beat({ count: 1, leftAt: 0, arrivedAt: -(2 ** 49) })).toEqual([
      { from: lastBeat, to: lastBeat + 100 },
    ]);
  });

  it('is not missed when Redis restarts, because all leave before any arrives', () => {
    beat();
    const lostAt = clock + 100;
    relink(100, 2000);
    clock += 500;
    expect(beat({ count: 1, leftAt: lostAt + 3, arrivedAt: clock - 5 })).toEqual([]);
  });

  it('may have been missed since its last heartbeat if this server stayed, or if who was where is unknown', () => {
    beat();
    const from = clock;
    clock += 700;
    expect(beat({ count: 1 })).toEqual([{ from, to: clock }]);
    const again = clock;
    relink(100);
    expect(beat({ count: 3 })).toEqual([{ from: again, to: clock }]);
    const third = clock;
    relink(100);
    relink(100);
    expect(beat({ count: 4 })).toEqual([{ from: third, to: clock }]);
  });

  it('and is heard for the first time is not reported for the time before', () => {
    expect(beat({ count: 7 })).toEqual([]);
    expect(beat({ count: 7 })).toEqual([]);
  });
});

describe('the moves of this server’s publisher link', () => {
  it('are counted when the node changes, with the times of departure and arrival', () => {
    const moves = new Moves(() => clock);
    moves.linkUp('x');
    moves.linkLost();
    clock += 10;
    moves.linkUp('x');
    expect(moves.latest.count).toBe(0);
    const leftAt = (clock += 100);
    moves.linkLost();
    const arrivedAt = (clock += 30);
    moves.linkUp('y');
    expect(moves.latest).toEqual({ count: 1, leftAt, arrivedAt });
  });

  it('are not counted while the node is unknown, and are relative to the last known node', () => {
    const moves = new Moves(() => clock);
    moves.linkUp(undefined);
    moves.linkUp('x');
    expect(moves.latest.count).toBe(0);
    moves.linkUp('y');
    expect(moves.latest.count).toBe(1);
  });
});

it('a server that does not hear itself yet has no gap on the new node, because its deafness is reported', () => {
  const own = { lostAt: 100, hearsSince: undefined };
  expect(missedWhileMoving(own, { leftAt: 500, arrivedAt: 510 })).toEqual([]);
});
