import { describe, expect, it } from 'vitest';
import { SLOTS, hashSlot } from '../../lib/protocol/hash-slot.js';

describe('the slot of a key', () => {
  // The replies of a redis-server to CLUSTER KEYSLOT.
  it.each([
    ['', 0],
    ['123456789', 12_739],
    ['foo', 12_182],
    ['backplane', 12_304],
    ['MyApp:/chat:group:room 1', 15_125],
    ['Grüße 😀', 7430],
  ])('is the one that Redis computes: %j', (key, slot) => {
    expect(hashSlot(key)).toBe(slot);
  });

  it('depends only on the text between the first braces, if there is any', () => {
    expect(hashSlot('a{foo}b{bar}')).toBe(hashSlot('foo'));
    expect(hashSlot('{{foo}}')).toBe(hashSlot('{foo'));
    for (const untagged of ['{}foo', 'foo{', 'foo}', '}foo{', 'foo{}{bar}'])
      expect(hashSlot(untagged)).toBe(hashSlot(`{${untagged}`.slice(1)));
    expect(hashSlot('foo{}{bar}')).not.toBe(hashSlot('bar'));
  });

  it('is spread over all slots', () => {
    const slots = Array.from({ length: 20_000 }, (_, index) => hashSlot(`key:${index}`));
    expect(Math.min(...slots)).toBeLessThan(10);
    expect(Math.max(...slots)).toBeGreaterThan(SLOTS - 10);
    expect(Math.max(...slots)).toBeLessThan(SLOTS);
  });
});
