import type { Random } from '../support/seed.js';
import type { Wire } from './values.js';

/** Text that a JSON parser must reject or may misread. */
const MALFORMED = [
  'NaN',
  '-',
  '1e999',
  '-1e999',
  '01',
  '0x10',
  '1.',
  `1${'0'.repeat(400)}`,
  `0.${'0'.repeat(400)}1`,
  '"\\ud800"',
  '"\\u12"',
  '"\\x41"',
  '"',
  "'a'",
  '[1,]',
  '{"a":1,}',
  '{"a"}',
  '{a:1}',
  'undefined',
  'tru',
  '// c\n1',
] as const;

/** Encodes without recursion because values may be nested deeper than the call stack allows. */
export function jsonText(random: Random, value: Wire): string {
  const parts: string[] = [];
  const waiting: (Wire | string)[] = [value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next === 'string') parts.push(next);
    else if (next.kind === 'list') {
      waiting.push(']');
      next.items
        .toReversed()
        .forEach((item, index) => waiting.push(item, index < next.items.length - 1 ? ',' : '['));
      if (next.items.length === 0) waiting.push('[');
    } else if (next.kind === 'map') {
      waiting.push('}');
      next.entries.toReversed().forEach(([key, item], index) => {
        const before = index < next.entries.length - 1 ? ',' : '{';
        waiting.push(item, `${before}${keyText(key)}:`);
      });
      if (next.entries.length === 0) waiting.push('{');
    } else parts.push(scalarText(random, next));
  }
  return parts.join('');
}

type Scalar = Exclude<Wire, { kind: 'list' | 'map' }>;

function scalarText(random: Random, value: Scalar): string {
  switch (value.kind) {
    case 'null':
      return 'null';
    case 'boolean':
      return String(value.value);
    case 'number':
      return Number.isFinite(value.value) ? printed(value.value) : '1e999';
    case 'string':
      return JSON.stringify(value.value);
    case 'binary':
      return JSON.stringify(value.value.toString('base64'));
    case 'malformed':
      return random.pick(MALFORMED);
  }
}

/** JSON can represent -0, but `String(-0)` is "0". */
function printed(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function keyText(key: Wire): string {
  return key.kind === 'string' ? JSON.stringify(key.value) : JSON.stringify(key.kind);
}
