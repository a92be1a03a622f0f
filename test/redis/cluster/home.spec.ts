import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Home, type HomeEvents } from '../../../lib/redis/cluster/home.js';
import { hashSlot } from '../../../lib/protocol/hash-slot.js';
import { type SlotOwners, TopologyError } from '../../../lib/redis/cluster/topology.js';

const A = { host: 'a', port: 1 };
const B = { host: 'b', port: 2 };
/** Longer than one check interval with its jitter, and shorter than two. */
const WATCH_MS = 1200;

/** Answers what the test sets, and records which slots were looked up. */
class ScriptedTopology implements SlotOwners {
  answer: typeof A | Error = A;
  readonly lookups: number[] = [];
  closed = false;

  ownerOf(slot: number): Promise<typeof A> {
    this.lookups.push(slot);
    return this.answer instanceof Error ? Promise.reject(this.answer) : Promise.resolve(this.answer);
  }

  close(): void {
    this.closed = true;
  }
}

let topology: ScriptedTopology;
let home: Home;
const moved = vi.fn<HomeEvents['moved']>();
const refused = vi.fn<HomeEvents['refused']>();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  topology = new ScriptedTopology();
  home = new Home(topology, 'app');
  home.watch({ moved, refused });
});

afterEach(() => {
  home.close();
  vi.useRealTimers();
  vi.clearAllMocks();
});

describe('the home node of a farm', () => {
  it('is the node that owns the slot of the channel prefix', async () => {
    expect(await home.locate()).toEqual(A);
    expect(topology.lookups).toEqual([hashSlot('app')]);
  });

  it('is looked up about once a second, and no move is reported while it stays the same', async () => {
    await home.locate();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(topology.lookups.length).toBeGreaterThan(8);
    expect(topology.lookups.length).toBeLessThan(14);
    expect(moved).not.toHaveBeenCalled();
  });

  it('is reported as moved since the last lookup that confirmed the old node, not since the move was noticed', async () => {
    await home.locate();
    await vi.advanceTimersByTimeAsync(5000);
    topology.answer = B;
    const changedAt = performance.now();
    await vi.advanceTimersByTimeAsync(WATCH_MS);
    expect(moved).toHaveBeenCalledTimes(1);
    const since = moved.mock.calls[0]?.[0] ?? NaN;
    expect(since).toBeLessThanOrEqual(changedAt);
    expect(since).toBeGreaterThan(changedAt - WATCH_MS);
    expect(await home.locate()).toEqual(B);
    expect(moved).toHaveBeenCalledTimes(1);
  });

  it('is reported as moved as soon as the lookup of a link finds another node', async () => {
    await home.locate();
    topology.answer = B;
    await home.locate();
    expect(moved).toHaveBeenCalledTimes(1);
  });

  it('is not reported as moved when lookups fail', async () => {
    await home.locate();
    const confirmedAt = performance.now();
    topology.answer = new TopologyError('no node answers', false);
    await expect(home.locate()).rejects.toThrow('no node answers');
    await vi.advanceTimersByTimeAsync(5000);
    expect(moved).not.toHaveBeenCalled();
    expect(refused).not.toHaveBeenCalled();
    topology.answer = B;
    await vi.advanceTimersByTimeAsync(WATCH_MS);
    expect(moved.mock.calls).toEqual([[confirmedAt]]);
  });

  it('reports refused lookups once, and again only after a lookup succeeded in between', async () => {
    topology.answer = new TopologyError('NOPERM', true);
    await vi.advanceTimersByTimeAsync(5000);
    expect(refused).toHaveBeenCalledTimes(1);
    topology.answer = A;
    await vi.advanceTimersByTimeAsync(WATCH_MS);
    topology.answer = new TopologyError('NOPERM', true);
    await vi.advanceTimersByTimeAsync(5000);
    expect(refused).toHaveBeenCalledTimes(2);
  });

  it('is no longer looked up after close', async () => {
    home.close();
    const lookups = topology.lookups.length;
    await vi.advanceTimersByTimeAsync(5000);
    expect([topology.lookups.length, topology.closed]).toEqual([lookups, true]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
