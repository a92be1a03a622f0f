import { describe, expect, it } from 'vitest';
import type { ClientFacts, Emit, Facts, Report } from './facts.js';
import { type Expectation, judge, misses, type Row } from './judge.js';

// Two servers with one client each. Both clients are in group `g`. The fault lasts from 1000 to 2000 ms.

const SOCKET: Expectation = { notice: 'socket' };
const ALL = 0;
const GROUP = 1;
const ONE = 2;

function emit(change: Partial<Emit> = {}): Emit {
  return { sender: 0, number: 1, target: ALL, call: 1500, settle: 1510, outcome: 'accepted', ...change };
}

function report(change: Partial<Report> = {}): Report {
  return {
    server: 1,
    at: 2000,
    from: 1400,
    to: 1900,
    certainty: 'possible',
    origin: undefined,
    targets: [{ kind: 'all', name: '' }],
    ...change,
  };
}

function client(
  server: number,
  numbers: readonly number[] = [],
  change: Partial<ClientFacts> = {},
): ClientFacts {
  const received = numbers.map((number) => ({ sender: 0, number }));
  return { server, user: `u${server}`, opened: 0, closed: undefined, received, ...change };
}

/** A run without problems in which one message arrived everywhere. */
function facts(change: Partial<Facts> = {}): Facts {
  return {
    begin: 1000,
    end: 2000,
    targets: [{ kind: 'all' }, { kind: 'groups', names: ['g'] }, { kind: 'connection', client: 1, id: 'c' }],
    emits: [emit()],
    steps: [0, 1].map((index) => ({ client: index, group: 'g', at: 100, what: 'joined' })),
    clients: [client(0, [1]), client(1, [1])],
    reports: [],
    standings: [0, 1].map((server) => ({ server, at: 500, state: 'ready', peers: 1 })),
    failures: [],
    givenUp: [],
    marks: [],
    checks: [],
    exits: 0,
    unhandled: [],
    unreadable: [],
    absence: undefined,
    standstills: [],
    stallsMs: [0, 0],
    ...change,
  };
}

function rowOf(change: Partial<Facts>, expectation = SOCKET): Row {
  return judge(facts(change), expectation);
}

/** The message did not reach the client of the other server. */
const MISSED = { clients: [client(0, [1]), client(1)] };

describe('The judge of the fault bench', () => {
  it.each<[what: string, change: Partial<Facts>]>([
    ['its sender gave it up', { givenUp: [{ server: 0, at: 1700, count: 1 }] }],
    ['its receiver reported a loss', { reports: [report({ server: 1, from: 1400, to: 1700 })] }],
  ])('does not count a buffered message as stranded if %s', (_what, change) => {
    const row = rowOf({ ...MISSED, emits: [emit({ outcome: 'buffered' })], ...change });
    expect(row.stranded).toBe(0);
  });

  it('finds nothing in a run without problems', () => {
    const row = judge(facts(), { notice: 'nothing' });
    expect(misses(row)).toEqual([]);
  });

  it.each<[column: keyof Row, change: Partial<Facts>]>([
    ['stranded', { ...MISSED, emits: [emit({ outcome: 'buffered' })] }],
    ['exits', { exits: 1 }],
    ['unhandled', { unhandled: ['an error'] }],
    ['duplicates', { clients: [client(0, [1]), client(1, [1, 1])] }],
    ['disorder', { clients: [client(0, [1]), client(1, [2, 1])] }],
    ['undelivered', { clients: [client(0), client(1, [1])] }],
    ['uncovered', MISSED],
    ['belied', { emits: [emit({ outcome: 'refused' })] }],
    ['falseReports', { reports: [report({ certainty: 'known' })] }],
    ['falseReports', { reports: [report({ at: 500 })] }],
    ['falseReports', { reports: [report({ at: 12_001 })] }],
  ])('counts one in the column %s and lists it as missing its target', (column, change) => {
    const row = rowOf(change);
    expect(row[column]).toBe(1);
    expect(misses(row)).toContain(`${column} 1`);
  });

  it('lists failed checks, and a run without messages as having no load', () => {
    const checks = [
      { name: 'good', passed: true },
      { name: 'bad', passed: false },
    ];
    const row = rowOf({ checks, emits: [] });
    expect(misses(row)).toEqual(['no load', 'bad']);
  });
});

describe('A missed message', () => {
  it.each<[why: string, covering: Report]>([
    ['for all servers', report()],
    ['for its sender', report({ origin: 0 })],
    ['whose window only overlaps the time at which it settled', report({ from: 1505, to: 1600 })],
    ['whose window ends in the millisecond of its call', report({ to: 1499.5 })],
  ])('is covered by a report %s', (_why, covering) => {
    expect(rowOf({ ...MISSED, reports: [covering] })).toMatchObject({ covered: 1, uncovered: 0 });
  });

  it.each<[why: string, other: Report]>([
    ['from another server', report({ server: 0 })],
    ['for another sender', report({ origin: 1 })],
    ['with an earlier window', report({ from: 1000, to: 1400 })],
    ['with a later window', report({ from: 1511, to: 1900 })],
    ['for a group only', report({ targets: [{ kind: 'group', name: 'g' }] })],
  ])('is not covered by a report %s', (_why, other) => {
    expect(rowOf({ ...MISSED, reports: [other] })).toMatchObject({ covered: 0, uncovered: 1 });
  });

  it('to a group is covered by a report for that group', () => {
    const reports = [report({ targets: [{ kind: 'group', name: 'g' }] })];
    const row = rowOf({ ...MISSED, emits: [emit({ target: GROUP })], reports });
    expect(row).toMatchObject({ covered: 1, uncovered: 0 });
  });

  it.each(['refused', 'unknown', 'skipped', 'pending', 'failed'] as const)(
    'is not counted if its outcome was %s',
    (outcome) => {
      const row = rowOf({ ...MISSED, emits: [emit({ outcome })] });
      expect(row).toMatchObject({ covered: 0, uncovered: 0 });
    },
  );

  it('is counted only for the clients that it addressed', () => {
    const clients = [client(0, [1]), client(1), client(1)];
    const emits = [emit({ target: ONE })];
    expect(rowOf({ clients, emits }).uncovered).toBe(1);
  });

  it.each<[when: string, missed: number, steps: Facts['steps']]>([
    ['joined after the emit', 0, [{ client: 1, group: 'g', at: 1501, what: 'joined' }]],
    [
      'left shortly after the emit',
      0,
      [
        { client: 1, group: 'g', at: 100, what: 'joined' },
        { client: 1, group: 'g', at: 1600, what: 'leaving' },
      ],
    ],
    [
      'left long after the emit',
      1,
      [
        { client: 1, group: 'g', at: 100, what: 'joined' },
        { client: 1, group: 'g', at: 4000, what: 'leaving' },
      ],
    ],
  ])('to a group that the client %s is counted %i times', (_when, missed, steps) => {
    expect(rowOf({ ...MISSED, emits: [emit({ target: GROUP })], steps }).uncovered).toBe(missed);
  });
});

it('A client that left long after the emit may miss it if its own server stalled, but not if the sender did', () => {
  const steps: Facts['steps'] = [
    { client: 1, group: 'g', at: 100, what: 'joined' },
    { client: 1, group: 'g', at: 4000, what: 'leaving' },
  ];
  const run = { ...MISSED, emits: [emit({ target: GROUP })], steps };
  expect(rowOf({ ...run, stallsMs: [2000, 0] }).uncovered).toBe(1);
  expect(rowOf({ ...run, stallsMs: [0, 2000] }).uncovered).toBe(0);
});

describe('A report', () => {
  it('has a width: its window minus the time from the first to the last missed message', () => {
    const emits = [emit({ call: 1500, settle: 1501 }), emit({ number: 2, call: 1700, settle: 1701 })];
    expect(rowOf({ ...MISSED, emits, reports: [report({ from: 1400, to: 1900 })] }).widthMs).toBe(300);
  });

  it('may cover the time in which Redis was absent and nobody emitted', () => {
    const absence = { from: 0, to: 5000 };
    const reports = [report({ from: 100, to: 5100 })];
    expect(rowOf({ ...MISSED, absence, reports }).widthMs).toBe(100);
  });

  it('may cover the time in which its origin was stopped, but not another server’s', () => {
    const reports = [report({ from: 100, to: 5100, origin: 0 })];
    const standstill = (server: number): Facts['standstills'] => [{ server, from: 200, to: 5000 }];
    expect(rowOf({ ...MISSED, standstills: standstill(0), reports }).widthMs).toBe(200);
    expect(rowOf({ ...MISSED, standstills: standstill(1), reports }).widthMs).toBe(5000);
  });

  it('may cover the time in which its origin was cut off from Redis, but not another server’s', () => {
    const reports = [report({ from: 100, to: 5100, origin: 0 })];
    const standings = (server: number): Facts['standings'] => [
      { server, at: 200, state: 'reconnecting', peers: 1 },
      { server, at: 3000, state: 'subscribing', peers: 1 },
      { server, at: 5000, state: 'ready', peers: 1 },
    ];
    expect(rowOf({ ...MISSED, standings: standings(0), reports }).widthMs).toBe(200);
    expect(rowOf({ ...MISSED, standings: standings(1), reports }).widthMs).toBe(5000);
  });

  it('misses its target if it is wider than two seconds', () => {
    expect(misses(rowOf({ reports: [report({ from: 0, to: 2001 })] }))).toContain('widthMs 2001');
  });

  it('of a known loss is true if a message was missed or unreadable', () => {
    const reports = [report({ certainty: 'known' })];
    expect(rowOf({ ...MISSED, reports }).falseReports).toBe(0);
    expect(rowOf({ unreadable: [{ call: 1500, settle: 1501 }], reports }).falseReports).toBe(0);
  });
});

describe('The times', () => {
  const marks: Facts['marks'] = [
    { what: 'begin', at: 1000, servers: [0, 1] },
    { what: 'reachable', at: 2000, servers: [0, 1] },
  ];
  const standing = (server: number, at: number, state: string, peers = 1): Facts['standings'][number] => ({
    server,
    at,
    state,
    peers,
  });
  const before = [standing(0, 500, 'ready'), standing(1, 500, 'ready')];
  const noticed = [standing(0, 1100, 'reconnecting'), standing(1, 1200, 'reconnecting')];

  it('are those of the slowest server', () => {
    const after = [standing(0, 2500, 'ready'), standing(1, 2300, 'ready')];
    const row = rowOf({ marks, standings: [...before, ...noticed, ...after] });
    expect(row).toMatchObject({ noticeMs: 200, readyMs: 500 });
  });

  it('are Infinity if a server never notices the fault or never becomes ready again', () => {
    const standings = [...before, standing(1, 1200, 'reconnecting')];
    const row = rowOf({ marks, standings });
    expect(misses(row)).toEqual(['noticeMs Infinity', 'readyMs Infinity']);
  });

  it.each<[Expectation['notice'], at: number, missed: boolean]>([
    ['socket', 2001, true],
    ['silence', 5999, false],
    ['silence', 6001, true],
  ])('have a limit for a fault that is noticed by %s: noticed after %i ms', (notice, at, missed) => {
    const standings = [...before, standing(0, at, 'reconnecting'), standing(1, at, 'reconnecting')];
    const row = rowOf({ marks: marks.slice(0, 1), standings }, { notice });
    expect(misses(row).length > 0).toBe(missed);
  });

  it('exclude the server’s own stalls', () => {
    const standings = [...before, standing(0, 2500, 'reconnecting'), standing(1, 1200, 'reconnecting')];
    const missed = (stallsMs: number[]): string[] =>
      misses(rowOf({ marks: marks.slice(0, 1), standings, stallsMs }));
    expect([missed([0, 700]), missed([700, 0])]).toEqual([['noticeMs 1500'], []]);
  });

  it('use the number of peers if the fault is a lost server', () => {
    const standings = [...before, standing(0, 5100, 'ready', 0), standing(1, 5200, 'ready', 0)];
    expect(rowOf({ marks: marks.slice(0, 1), standings }, { notice: 'peers' }).noticeMs).toBe(4200);
  });
});
