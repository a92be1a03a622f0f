import { randomInt } from 'node:crypto';

/** mulberry32: the same seed gives the same numbers on every machine. */
export class Random {
  constructor(private state: number) {}

  /** At least 0, less than 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0, less than `end`. */
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

/** Runs with a new seed, or with that of `SEED`; a failure names it, so that it can be had again. */
export async function withSeed(run: (random: Random) => void | Promise<void>): Promise<void> {
  const seed = process.env.SEED === undefined ? randomInt(2 ** 32) : Number(process.env.SEED);
  try {
    await run(new Random(seed));
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`With SEED=${seed}: ${message}`, { cause });
  }
}
