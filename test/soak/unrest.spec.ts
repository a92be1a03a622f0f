import { describe, expect, it } from 'vitest';
import type { Emit, Report, Standing } from '../faults/facts.js';
import { unrest } from './unrest.js';

const EMIT: Emit = { sender: 0, number: 1, target: 0, call: 1500, settle: 1510, outcome: 'accepted' };
const STANDING: Standing = { server: 0, at: 1500, state: 'ready', peers: 2 };
const REPORT: Report = {
  server: 0,
  at: 1500,
  from: 1000,
  to: 1400,
  certainty: 'possible',
  origin: undefined,
  targets: [],
};
const CALM = { begin: 1000, emits: [EMIT], standings: [STANDING], reports: [] };

describe('A calm round', () => {
  it('has accepted emits, ready servers and no reports, whatever happened before it', () => {
    const before = { ...STANDING, at: 900, state: 'reconnecting' };
    const notNeeded = { ...EMIT, outcome: 'notNeeded' } as const;
    expect(unrest({ ...CALM, standings: [before, STANDING], emits: [EMIT, notNeeded] })).toEqual([]);
  });

  it.each([
    ['a report', { reports: [REPORT] }, '1 reports in a calm round'],
    [
      'a server that is not ready',
      { standings: [{ ...STANDING, state: 'degraded' }] },
      '1 times not ready in a calm round',
    ],
    ['a refused emit', { emits: [{ ...EMIT, outcome: 'refused' }] }, '1 emits not accepted in a calm round'],
    [
      'a buffered emit',
      { emits: [{ ...EMIT, outcome: 'buffered' }] },
      '1 emits not accepted in a calm round',
    ],
  ] as const)('is not calm with %s', (_name, change, finding) => {
    expect(unrest({ ...CALM, ...change })).toEqual([finding]);
  });
});
