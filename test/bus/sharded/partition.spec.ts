import { describe, expect, it } from 'vitest';
import { SLOTS, hashSlot } from '../../../lib/protocol/hash-slot.js';
import { allPartitions, partitionOf, tagReader } from '../../../lib/bus/sharded/partition.js';

const partitions = allPartitions('app');

describe('the partitions', () => {
  it.each([1, 2, 3, 4, 6, 12])('are shared evenly by %i masters that share the slots evenly', (masters) => {
    const counts = Array<number>(masters).fill(0);
    for (const { slot } of partitions) {
      const master = Math.floor((slot * masters) / SLOTS);
      counts[master] = (counts[master] ?? 0) + 1;
    }
    expect(counts).toEqual(Array(masters).fill(partitions.length / masters));
  });

  it.each([5, 7, 8, 9, 10, 11])('differ by one at most among %i masters', (masters) => {
    const counts = Array<number>(masters).fill(0);
    for (const { slot } of partitions) {
      const master = Math.floor((slot * masters) / SLOTS);
      counts[master] = (counts[master] ?? 0) + 1;
    }
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });

  it('are stable across releases: channels keep their partition', () => {
    expect(partitions[0]?.names.servers).toBe('app:{18e}:servers');
    expect(partitions[11]?.names.servers).toBe('app:{506}:servers');
    expect(partitions[3]?.realName('app:/chat:group:a{b}c')).toBe('app:{1mo}:/chat:group:a{b}c');
    expect(['app:/chat:all', 'app:servers', 'app:/chat:group:a'].map(partitionOf)).toEqual([5, 1, 9]);
  });

  it('keep every channel in their slot, whatever its name', () => {
    for (const partition of partitions)
      for (const name of ['', ':', '{x}', '}{', ':/chat:group:{18e}', ':😀'])
        expect(hashSlot(partition.realName(`app${name}`))).toBe(partition.slot);
  });

  it('convert a channel’s name in Redis back, and its tag can be read', () => {
    const tagOf = tagReader('app');
    for (const partition of partitions) {
      const real = partition.realName('app:/chat:group:a');
      expect(partition.nameOf(real)).toBe('app:/chat:group:a');
      expect(tagOf(Buffer.from(real))).toBe(partition.tag);
    }
  });

  it('share many channels evenly', () => {
    const counts = Array<number>(partitions.length).fill(0);
    for (let run = 0; run < 12_000; run++) {
      const partition = partitionOf(`app:/chat:group:${run}`);
      counts[partition] = (counts[partition] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1200);
  });
});
