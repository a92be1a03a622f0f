import { expect, it } from 'vitest';
import { InvalidOptionsError } from '../../lib/options/invalid-options.error.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import { read } from './markdown.js';

const REFERENCE = 'lib/options/README.md';

/** The options that there are at a place, as the message about a wrong one names them. */
function optionsIn(wrong: (key: string) => object, prefix = ''): string[] {
  // A name that resembles none: else the message suggests one instead of naming all.
  const options = wrong('zzzzzzzzzzzz') as Parameters<typeof resolveOptions>[0];
  try {
    resolveOptions(options);
  } catch (error) {
    if (!(error instanceof InvalidOptionsError)) throw error;
    const [, names = ''] = /; there are ([^;]*?)\.?$/.exec(error.message) ?? [];
    return names.split(', ').map((name) => prefix + name);
  }
  throw new Error('The options were accepted.');
}

it('the reference names every option, and no other', () => {
  const names = [
    ...optionsIn((key) => ({ [key]: 1 })),
    ...optionsIn((key) => ({ limits: { [key]: 1 } }), 'limits.'),
    ...optionsIn((key) => ({ heartbeat: { [key]: 1 } }), 'heartbeat.'),
    ...optionsIn((key) => ({ presence: { [key]: 1 } }), 'presence.'),
    ...optionsIn((key) => ({ outage: { buffer: { [key]: 1 } } }), 'outage.buffer.'),
  ];
  expect(names).toContain('limits.payloadBytes');
  // The tables after this heading are about parts of connection strings.
  const [options = ''] = read(REFERENCE).split('\n## Connection strings');
  const documented = new Set([...options.matchAll(/^\| `([\w.]+)`/gm)].map(([, name = '']) => name));
  // Groups of options are documented by their members.
  const missing = names.filter(
    (name) => !documented.has(name) && !['limits', 'heartbeat', 'presence'].includes(name),
  );
  expect(missing).toEqual([]);
  expect([...documented].filter((name) => !names.includes(name))).toEqual([]);
});
