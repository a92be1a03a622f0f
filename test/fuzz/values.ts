import type { Random } from '../support/seed.js';

/**
 * A value as it appears on the wire rather than in memory: keys may repeat, be `__proto__`, or not be strings, and a
 * number or string may be one that JavaScript has no literal for. json-text.ts and msgpack-bytes.ts encode it.
 */
export type Wire =
  | { readonly kind: 'null' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'binary'; readonly value: Buffer }
  | { readonly kind: 'list'; readonly items: readonly Wire[] }
  | { readonly kind: 'map'; readonly entries: readonly Entry[] }
  /** The encoder writes something invalid: not a number, a header that claims too much. */
  | { readonly kind: 'malformed' };

export type Entry = readonly [key: Wire, value: Wire];

/** Names that every object has, that JavaScript treats specially, or that are reserved. */
export const SPECIAL_NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'toJSON',
  'valueOf',
  'hasOwnProperty',
  '__defineGetter__',
  'then',
  'length',
  'event',
  'data',
  'id',
  'error',
  'exception',
  'disconnect',
  'connection',
  'newListener',
  'ping',
  'pong',
  '*',
  '',
  ' ',
  '\u0000',
] as const;

export const EXTREME_NUMBERS = [
  0,
  -0,
  1,
  -1,
  0.1,
  127,
  128,
  255,
  256,
  65_535,
  65_536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 48 - 1,
  2 ** 49,
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
  2 ** 53,
  2 ** 63,
  2 ** 64,
  Number.MAX_VALUE,
  Number.MIN_VALUE,
  Infinity,
  -Infinity,
  NaN,
] as const;

const ODD_STRINGS = [
  'a',
  'ä€😀',
  // A lone surrogate, and a pair in the wrong order.
  '\ud800',
  '\udc00\ud800',
  '\u2028\u2029\ufeff',
  '\u0000\u001b[31m\r\nHTTP/1.1 200 OK',
  '%s%n$1{{7*7}}',
] as const;

export const text = (value: string): Wire => ({ kind: 'string', value });
export const number = (value: number): Wire => ({ kind: 'number', value });
export const list = (...items: readonly Wire[]): Wire => ({ kind: 'list', items });
export const map = (...entries: readonly (readonly [key: string, value: Wire])[]): Wire => ({
  kind: 'map',
  entries: entries.map(([key, value]) => [text(key), value]),
});

export function anyName(random: Random): string {
  return random.below(3) === 0 ? anyString(random) : random.pick(SPECIAL_NAMES);
}

export function anyString(random: Random): string {
  const part = random.pick(ODD_STRINGS);
  if (random.below(20) === 0) return part.repeat(random.pick([63, 64, 65, 255, 4096, 4097, 30_000]));
  return random.below(2) === 0 ? part : part + random.below(100).toString();
}

/** Any value: mostly small, sometimes deep or wide. */
export function anyValue(random: Random, depth = 4): Wire {
  if (random.below(40) === 0) return nested(random, random.pick([10, 60, 99, 100, 101, 150, 1000, 5000]));
  if (random.below(60) === 0) return wide(random, random.pick([100, 1000, 20_000]));
  switch (random.below(depth > 0 ? 9 : 6)) {
    case 0:
      return random.below(2) === 0 ? { kind: 'null' } : { kind: 'boolean', value: random.below(2) === 0 };
    case 1:
    case 2:
      return number(random.pick(EXTREME_NUMBERS));
    case 3:
    case 4:
      return text(random.below(2) === 0 ? anyString(random) : anyName(random));
    case 5:
      return random.below(4) === 0
        ? { kind: 'malformed' }
        : { kind: 'binary', value: random.bytes(random.below(40)) };
    case 6:
      return list(...random.list(4, () => anyValue(random, depth - 1)));
    default:
      return { kind: 'map', entries: random.list(4, () => anyEntry(random, depth - 1)) };
  }
}

function anyEntry(random: Random, depth: number): Entry {
  const key = random.below(8) === 0 ? anyValue(random, 0) : text(anyName(random));
  return [key, anyValue(random, depth)];
}

/** Nested lists, nested maps, or both alternating. */
export function nested(random: Random, depth: number): Wire {
  const mode = random.below(3);
  let value: Wire = number(1);
  for (let level = 0; level < depth; level++)
    value = mode === 0 || (mode === 2 && level % 2 === 0) ? list(value) : map(['a', value]);
  return value;
}

function wide(random: Random, width: number): Wire {
  const item = random.pick<Wire>([{ kind: 'null' }, list(), map(), text('')]);
  if (random.below(2) === 0) return list(...Array.from({ length: width }, () => item));
  return map(...Array.from({ length: width }, (_, index) => [`k${index}`, item] as const));
}
