import { beforeEach, describe, expect, it } from 'vitest';
import type { ReportedError } from '../../lib/bus/bus.errors.js';
import { GivenUpReport } from '../../lib/routing/outage/given-up-report.js';
import type { OutgoingMessage } from '../../lib/routing/outage/outage-policy.js';
import { MessagesGivenUpError } from '../../lib/routing/routing.errors.js';
import { turn } from '../support/test-farm.js';

let told: ReportedError[];
let report: GivenUpReport;

beforeEach(() => {
  told = [];
  report = new GivenUpReport((error) => told.push(error));
});

function messageTo(...groups: string[]): OutgoingMessage {
  const targets = groups.map((name) => ({ kind: 'group' as const, name }));
  const address = { path: '/chat', targets, excluded: [] };
  return { address, channels: [], record: Buffer.alloc(0), volatile: false };
}

const causes = (): { count: number; reason: string; groups: string[] }[] =>
  told.map(({ cause }) => {
    if (!(cause instanceof MessagesGivenUpError)) throw new Error('is of another kind');
    return { count: cause.count, reason: cause.reason, groups: cause.targets.map(({ name }) => name) };
  });

describe('messages that are given up', () => {
  it('are told in the next turn, those of a reason together, each target once', async () => {
    report.add([messageTo('a'), messageTo('a', 'b')], 'age');
    report.add([messageTo('c')], 'full');
    report.add([messageTo('b')], 'age');
    expect(told).toEqual([]);
    await turn();
    expect(causes()).toEqual([
      { count: 3, reason: 'age', groups: ['a', 'b'] },
      { count: 1, reason: 'full', groups: ['c'] },
    ]);
  });

  it('are told once: a later report is of later ones', async () => {
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

  it('are told at once when asked, and not again', async () => {
    report.add([messageTo('a')], 'closed');
    report.flush();
    expect(causes()).toHaveLength(1);
    await turn();
    report.flush();
    expect(causes()).toHaveLength(1);
  });

  it('are counted all, and 100 of their targets named', () => {
    report.add(
      Array.from({ length: 500 }, (_, index) => messageTo(`${index}`)),
      'full',
    );
    report.flush();
    expect(causes()[0]).toMatchObject({ count: 500, reason: 'full' });
    expect(causes()[0]?.groups).toHaveLength(100);
  });
});
