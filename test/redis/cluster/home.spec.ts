import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Home, type HomeEvents } from '../../../lib/redis/cluster/home.js';
import { hashSlot } from '../../../lib/protocol/hash-slot.js';
import { type SlotOwners, TopologyError } from '../../../lib/redis/cluster/topology.js';

const A = { host: 'a', port: 1 };
const B = { host: 'b', port: 2 };
/** Longer than a watch with its jitter, and shorter than two. */
const WATCH_MS = 1200;

/** Says what the test says, and when it was asked. */
class ScriptedTopology implements SlotOwners {
  answer: typeof A | Error = A;
  readonly asked: number[] = [];
  closed = false;

  ownerOf(slot: number): Promise<typeof A> {
    this.asked.push(slot);
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

describe('the home of a farm', () => {
  it('is the node that owns the slot of the prefix', async () => {
    expect(await home.locate()).toEqual(A);
    expect(topology.asked).toEqual([hashSlot('app')]);
  });

  it('is looked for about once a second, and has not moved while it is the same', async () => {
    await home.locate();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(topology.asked.length).toBeGreaterThan(8);
    expect(topology.asked.length).toBeLessThan(14);
    expect(moved).not.toHaveBeenCalled();
  });

  it('has moved since the last look that found it where it was, not since it was noticed', async () => {
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

  it('has moved as soon as one of the links finds another one', async () => {
    await home.locate();
    topology.answer = B;
    await home.locate();
    expect(moved).toHaveBeenCalledTimes(1);
  });

  it('has not moved because nobody tells where it is', async () => {
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

  it('that is kept a secret is told once, and again after it was told', async () => {
    topology.answer = new TopologyError('NOPERM', true);
    await vi.advanceTimersByTimeAsync(5000);
    expect(refused).toHaveBeenCalledTimes(1);
    topology.answer = A;
    await vi.advanceTimersByTimeAsync(WATCH_MS);
    topology.answer = new TopologyError('NOPERM', true);
    await vi.advanceTimersByTimeAsync(5000);
    expect(refused).toHaveBeenCalledTimes(2);
  });

  it('is not looked for any more after close', async () => {
    home.close();
    const asked = topology.asked.length;
    await vi.advanceTimersByTimeAsync(5000);
    expect([topology.asked.length, topology.closed]).toEqual([asked, true]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
