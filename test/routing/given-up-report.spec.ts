import { beforeEach, describe, expect, it } from 'vitest';
import type { ReportedError } from '../../lib/bus/bus.errors.js';
import { GivenUpReport } from '../../lib/routing/outage/given-up-report.js';
import type { OutgoingMessage } from '../../lib/routing/outage/outage-policy.js';
import { MessagesGivenUpError } from '../../lib/routing/routing.errors.js';
import { turn } from '../support/test-farm.js';

let reports: ReportedError[];
let report: GivenUpReport;

beforeEach(() => {
  reports = [];
  report = new GivenUpReport((error) => reports.push(error));
});

function messageTo(...groups: string[]): OutgoingMessage {
  const targets = groups.map((name) => ({ kind: 'group' as const, name }));
  const address = { path: '/chat', targets, excluded: [] };
  return { address, channels: [], record: Buffer.alloc(0), volatile: false };
}

const causes = (): { count: number; reason: string; groups: string[] }[] =>
  reports.map(({ cause }) => {
    if (!(cause instanceof MessagesGivenUpError)) throw new Error('is of another kind');
    return { count: cause.count, reason: cause.reason, groups: cause.targets.map(({ name }) => name) };
  });

describe('dropped messages', () => {
  it('are reported in the next turn, one error per reason, without duplicate targets', async () => {
    report.add([messageTo('a'), messageTo('a', 'b')], 'age');
    report.add([messageTo('c')], 'full');
    report.add([messageTo('b')], 'age');
    expect(reports).toEqual([]);
    await turn();
    expect(causes()).toEqual([
      { count: 3, reason: 'age', groups: ['a', 'b'] },
      { count: 1, reason: 'full', groups: ['c'] },
    ]);
  });

  it('are reported once; a later report contains only later ones', async () => {
    report.add([messageTo('a')], 'age');
    await turn();
    report.add([messageTo('b')], 'age');
    await turn();
    await turn();
    expect(causes()).toEqual([
      { count: 1, reason: 'age', groups: ['a'] },
      { count: 1, reason: 'age', groups: ['b'] },
    ]);
  });

  it('are reported at once by flush, and not again', async () => {
    report.add([messageTo('a')], 'closed');
    report.flush();
    expect(causes()).toHaveLength(1);
    await turn();
    report.flush();
    expect(causes()).toHaveLength(1);
  });

  it('are all counted, and at most 100 targets are listed', () => {
    report.add(
      Array.from({ length: 500 }, (_, index) => messageTo(`${index}`)),
      'full',
    );
    report.flush();
    expect(causes()[0]).toMatchObject({ count: 500, reason: 'full' });
    expect(causes()[0]?.groups).toHaveLength(100);
  });
});
