import { beforeEach, describe, expect, it } from 'vitest';
import { RefusedChannels } from '../../lib/bus/refused-channels.js';

let now: number;
let refused: RefusedChannels;

beforeEach(() => {
  now = 0;
  refused = new RefusedChannels();
});

function add(count: number): void {
  for (let index = 0; index < count; index++) refused.add(`c${index}`, now);
}

/** Runs the next attempt. Returns its channels and when it was due. */
function attempt(hasGranted: boolean): { readonly at: number; readonly channels: string[] } {
  for (; ; now++) {
    const channels = refused.due(now);
    if (channels.length === 0) continue;
    refused.tried(hasGranted, now);
    return { at: now, channels };
  }
}

describe('refused channels', () => {
  it('are retried after pauses that double up to a second', () => {
    add(3);
    const at = Array.from({ length: 5 }, () => attempt(false).at);
    const pauses = at.map((time, index) => time - (at[index - 1] ?? 0));
    expect(pauses).toEqual([250, 500, 1000, 1000, 1000]);
  });

  it('take turns: each is retried once before any is retried again', () => {
    add(100);
    const tried = Array.from({ length: 3 }, () => attempt(false).channels).flat();
    expect(new Set(tried).size).toBe(96);
    expect(attempt(false).channels.slice(0, 4)).toEqual(['c96', 'c97', 'c98', 'c99']);
  });

  it('are retried in growing numbers as long as some are granted', () => {
    add(5000);
    const first = attempt(true);
    const second = attempt(true);
    expect([first.channels.length, second.channels.length]).toEqual([32, 512]);
    expect(second.at).toBe(first.at);
    expect(attempt(false).channels.length).toBe(5000);
    expect(attempt(false).channels.length).toBe(32);
  });

  it('start with a short pause', () => {
    add(1);
    for (let time = 0; time < 5; time++) attempt(false);
    refused.delete('c0');
    refused.add('c1', now);
    const addedAt = now;
    expect(attempt(false).at - addedAt).toBe(250);
    expect(refused.size).toBe(1);
  });
});
