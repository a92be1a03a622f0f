import { randomInt } from 'node:crypto';

/** A seeded random generator (mulberry32). The same seed gives the same numbers on every machine. */
export class Random {
  constructor(private state: number) {}

  /** A number from 0 (inclusive) to 1 (exclusive). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer from 0 (inclusive) to `end` (exclusive). */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  list<T>(maxLength: number, make: () => T): T[] {
    return Array.from({ length: this.below(maxLength + 1) }, make);
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

/**
 * Runs with a new seed, or with the seed in the variable `SEED`. An error names the seed, so that it can be repeated.
 */
export async function withSeed(run: (random: Random) => void | Promise<void>): Promise<void> {
  const seed = process.env.SEED === undefined ? randomInt(2 ** 32) : Number(process.env.SEED);
  try {
    await run(new Random(seed));
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`With SEED=${seed}: ${message}`, { cause });
  }
}
