import type { Check, Facts } from './facts.js';
import { deliveriesOf } from './judge-deliveries.js';
import { judgeReports } from './judge-reports.js';
import { strandedIn } from './judge-buffered.js';
import { untilNoticed, untilReady } from './judge-times.js';

/** How servers must notice a fault. */
export interface Expectation {
  /**
   * `socket`: a socket closes, so the status changes within 1 s; `silence`: no socket closes, so it changes within 5 s;
   * `peers`: a server is gone, so its peers drop it within 5 s; `nothing`: no server may notice anything.
   */
  readonly notice: 'socket' | 'silence' | 'peers' | 'nothing';
}

/** The columns of the table. */
export interface Row {
  readonly exits: number;
  readonly unhandled: number;
  readonly duplicates: number;
  /** Messages that arrived after a later message of the same sender. */
  readonly disorder: number;
  /** Messages that did not reach a client of the emitting server itself. */
  readonly undelivered: number;
  /** Missed although the emit resolved with `accepted`, and in no report. */
  readonly uncovered: number;
  readonly covered: number;
  /** Buffered and then neither delivered nor reported (policy `buffer`). */
  readonly stranded: number;
  /** Arrived at another server although the emit rejected with NotPublishedError. */
  readonly belied: number;
  /** How much longer the widest report is than the time in which messages were missed. */
  readonly widthMs: number;
  readonly falseReports: number;
  readonly noticeMs: number | undefined;
  readonly readyMs: number | undefined;
  /** Which of those two exceeded its limit, as text. */
  readonly late: readonly string[];
  readonly failedChecks: readonly string[];
  /** Emits and received messages. A run without them proves nothing. */
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
 * Lists the columns of a row that miss their target. Empty if all is well.
 *
 * @param widthLimitMs how much longer a report may be than the time in which messages were missed
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
