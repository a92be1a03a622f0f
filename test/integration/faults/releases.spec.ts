import { describe, expect, it } from 'vitest';
import { NEXT_HEADER_LENGTH } from '../../faults/releases.js';
import { rollingRestart } from '../../faults/rolling-restart.js';

const TIMEOUT_MS = 120_000;
const ANSWERED = ['command: undefined', 'invoke: null', 'invokeAll: '];
const NOBODY_THERE = ['command: ConnectionNotFoundError', 'invoke: ConnectionNotFoundError', 'invokeAll: '];

describe('three servers that are restarted one by one under load', () => {
  it(
    'move to the next minor release: clients see 1001, nothing is lost, and both releases understand each other',
    async () => {
      const { row, facts, ...seen } = await rollingRestart('next minor');

      // Each server's own clients, plus those that had moved there from the servers restarted before it.
      expect(seen).toEqual({
        closeCodes: { 1001: 4 + 6 + 9 },
        ends: ['SIGTERM', 'SIGTERM', 'SIGTERM'],
        envelopes: ['version 1, header 25', `version 1, header ${NEXT_HEADER_LENGTH}`],
        asks: { 'old to new': ANSWERED, 'new to old': ANSWERED },
        dropped: { malformed: 0, unknownVersion: 0 },
      });
      const none = { exits: 0, unhandled: 0, duplicates: 0, disorder: 0, undelivered: 0, belied: 0 };
      expect(row).toMatchObject({ ...none, uncovered: 0, covered: 0, falseReports: 0 });
      expect(facts.reports).toEqual([]);
      expect(facts.emits.filter(({ outcome }) => outcome === 'accepted').length).toBeGreaterThan(300);
    },
    TIMEOUT_MS,
  );

  it(
    'move to the next major release: unreadable envelopes are counted, and all of them reported as loss',
    async () => {
      const { row, facts, ...seen } = await rollingRestart('next major');

      expect(seen).toMatchObject({
        envelopes: ['version 1, header 25', 'version 129, header 25'],
        asks: { 'old to new': NOBODY_THERE, 'new to old': NOBODY_THERE },
        dropped: { malformed: 0 },
      });
      expect(seen.dropped.unknownVersion).toBeGreaterThan(100);
      expect(row.covered).toBeGreaterThan(100);
      expect(row).toMatchObject({ exits: 0, unhandled: 0, duplicates: 0, disorder: 0, uncovered: 0 });
      expect(facts.reports.every(({ certainty }) => certainty === 'known')).toBe(true);
    },
    TIMEOUT_MS,
  );
});
