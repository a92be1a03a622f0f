import type { Check, Facts } from './facts.js';
import { deliveriesOf } from './judge-deliveries.js';
import { judgeReports } from './judge-reports.js';
import { strandedIn } from './judge-buffered.js';
import { untilNoticed, untilReady } from './judge-times.js';

/** How a fault shall be noticed. */
export interface Expectation {
  /**
   * `socket`: a socket closes, so a server's status tells within a second; `silence`: nothing closes, within five;
   * `peers`: another server is gone, so its peers' view tells within five; `nothing`: nobody shall notice.
   */
  readonly notice: 'socket' | 'silence' | 'peers' | 'nothing';
}

/** The columns of the table. */
export interface Row {
  readonly exits: number;
  readonly unhandled: number;
  readonly duplicates: number;
  /** Messages of a sender that arrived after later ones of it. */
  readonly disorder: number;
  /** Messages that a client of the emitting server itself did not get. */
  readonly undelivered: number;
  /** Missed, although the emit resolved with `accepted`, and not in any report. */
  readonly uncovered: number;
  readonly covered: number;
  /** Buffered or accepted, and then neither delivered nor reported by anybody: with the policy `buffer`. */
  readonly stranded: number;
  /** Arrived at another server although the emit was said not to be published. */
  readonly belied: number;
  /** By how much the widest report exceeds the time in which nothing was heard. */
  readonly widthMs: number;
  readonly falseReports: number;
  readonly noticeMs: number | undefined;
  readonly readyMs: number | undefined;
  /** Of those two, what took too long, in words. */
  readonly late: readonly string[];
  readonly failedChecks: readonly string[];
  /** Emits of all servers, and what was heard of them: a run without them proves nothing. */
  readonly emits: number;
  readonly received: number;
  readonly stalledMs: number;
}

export const WIDTH_LIMIT_MS = 2000;
const READY_LIMIT_MS = 2000;
const NOTICE_LIMIT_MS = { socket: 1000, silence: 5000, peers: 5000, nothing: Infinity };

export function judge(facts: Facts, { notice }: Expectation): Row {
  const { missed, ...deliveries } = deliveriesOf(facts);
  const reports = judgeReports(facts, missed);
  const noticed = notice === 'nothing' ? undefined : untilNoticed(facts, notice);
  const ready = untilReady(facts);
  const late: string[] = [];
  if (noticed && noticed.awakeMs > NOTICE_LIMIT_MS[notice]) late.push(`noticeMs ${noticed.ms}`);
  if (ready && ready.awakeMs > READY_LIMIT_MS) late.push(`readyMs ${ready.ms}`);
  return {
    exits: facts.exits,
    unhandled: facts.unhandled.length,
    ...deliveries,
    ...reports,
    stranded: strandedIn(facts, missed),
    noticeMs: noticed?.ms,
    readyMs: ready?.ms,
    late,
    failedChecks: failed(facts.checks),
    emits: facts.emits.length,
    received: facts.clients.reduce((sum, { received }) => sum + received.length, 0),
    stalledMs: Math.round(Math.max(0, ...facts.stallsMs)),
  };
}

/**
 * What of a row misses its target, in words; nothing when all is well.
 *
 * @param widthLimitMs by how much a report may exceed the time in which nothing was heard
 */
export function misses(row: Row, widthLimitMs = WIDTH_LIMIT_MS): string[] {
  const zero = [
    'exits',
    'unhandled',
    'duplicates',
    'disorder',
    'undelivered',
    'uncovered',
    'stranded',
    'belied',
    'falseReports',
  ] as const;
  const missed = zero.filter((column) => row[column] > 0).map((column) => `${column} ${row[column]}`);
  if (row.widthMs > widthLimitMs) missed.push(`widthMs ${row.widthMs}`);
  missed.push(...row.late);
  if (row.emits === 0 || row.received === 0) missed.push('no load');
  return [...missed, ...row.failedChecks];
}

function failed(checks: readonly Check[]): string[] {
  return checks.filter(({ passed }) => !passed).map(({ name }) => name);
}
