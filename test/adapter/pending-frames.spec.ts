import { describe, expect, it } from 'vitest';
import { PendingFrames } from '../../lib/adapter/pending-frames.js';
import { ClientFrame } from '../../lib/protocol/client-frame.js';

const [a, b, c] = ['a', 'b', 'c'].map((text) => ClientFrame.text(text)) as [
  ClientFrame,
  ClientFrame,
  ClientFrame,
];

describe('a chain of pending frames', () => {
  it('has no bytes if it has no frames', () => {
    const empty = PendingFrames.empty();
    expect([empty.bytes, empty.list(), empty.wire.length]).toEqual([0, [], 0]);
  });

  it('keeps the order of its frames in its list and in its bytes', () => {
    const chain = PendingFrames.empty().with(a).with(b).with(a);
    expect(chain.list()).toEqual([a, b, a]);
    expect(chain.wire).toEqual(Buffer.concat([a.wire, b.wire, a.wire]));
    expect(chain.bytes).toBe(chain.wire.length);
  });

  it('is shared, with its buffer, by all connections that wait for the same frames', () => {
    const empty = PendingFrames.empty();
    const [mine, yours] = [empty.with(a).with(b), empty.with(a).with(b)];
    expect(mine).toBe(yours);
    expect(mine.wire).toBe(yours.wire);
  });

  it('of one frame uses its buffer without a copy', () => {
    expect(PendingFrames.empty().with(a).wire).toBe(a.wire);
  });

  it('does not change when other chains extend it', () => {
    const common = PendingFrames.empty().with(a);
    const chains = [common.with(b), common.with(c), common.with(b)];
    expect(chains.map((chain) => chain.list())).toEqual([
      [a, b],
      [a, c],
      [a, b],
    ]);
    expect(common.list()).toEqual([a]);
  });

  it('can hold 100,000 frames', () => {
    let chain = PendingFrames.empty();
    for (let index = 0; index < 100_000; index++) chain = chain.with(index % 2 ? a : b);
    expect(chain.list()).toHaveLength(100_000);
    expect(chain.wire).toHaveLength(chain.bytes);
  });
});
