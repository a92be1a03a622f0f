import type { Facts, Report, Time } from './facts.js';
import type { Missed } from './judge-deliveries.js';

/** A Date has whole milliseconds, so a window may really end up to this much later. */
const ROUNDING_MS = 1;
/** A publish that took longer than this was delayed on its way, and could just as well have been missed. */
const SLOW_PUBLISH_MS = 500;
/** A report may still arrive this long after the fault. */
const AFTERMATH_MS = 10_000;

export interface JudgedReports {
  readonly uncovered: number;
  readonly covered: number;
  readonly widthMs: number;
  readonly falseReports: number;
}

/** Compares the reports with the missed messages. */
export function judgeReports(facts: Facts, missed: readonly Missed[]): JudgedReports {
  const accepted = missed.filter(({ emit }) => emit.outcome === 'accepted');
  const covered = accepted.filter((one) => facts.reports.some((report) => covers(report, one))).length;
  const widths = facts.reports.map((report) => excessMs(report, facts, missed));
  return {
    covered,
    uncovered: accepted.length - covered,
    widthMs: Math.round(Math.max(0, ...widths)),
    falseReports: facts.reports.filter((report) => isFalse(report, facts, missed)).length,
  };
}

/** Whether the report covers this message for this client, so that the client can be told to reload. */
export function covers(report: Report, { emit, server, groups }: Missed): boolean {
  return (
    concerns(report, { emit, server }) &&
    report.targets.some(
      ({ kind, name }) => kind === 'all' || (kind === 'group' && groups.includes(name)) || kind === 'user',
    )
  );
}

/** Whether the report's window contains a moment at which the message may have been sent. */
function concerns(report: Report, { emit, server }: Pick<Missed, 'emit' | 'server'>): boolean {
  const { from, to, origin } = report;
  return (
    report.server === server &&
    (origin === undefined || origin === emit.sender) &&
    from <= emit.settle &&
    emit.call <= to + ROUNDING_MS
  );
}

/**
 * How much longer the window is than the time from the first to the last message in it that did not arrive in time:
 * it was missed, its sender buffered it, or the network delayed it. While the origin was cut off from Redis or stopped,
 * nothing of it can have arrived, so that time counts too.
 */
function excessMs(report: Report, facts: Facts, missed: readonly Missed[]): number {
  const { absence, emits, standstills } = facts;
  const { from, to, server, origin } = report;
  const late = emits.filter(
    ({ outcome, sender, call, settle }) =>
      sender !== server && (outcome === 'buffered' || settle - call > SLOW_PUBLISH_MS),
  );
  const deaf = [
    ...missed.filter((one) => concerns(report, one)).map(({ emit }) => emit.call),
    ...late
      .filter((emit) => concerns(report, { emit, server }))
      .flatMap(({ call, settle }) => [call, settle]),
  ];
  if (absence) deaf.push(absence.from, absence.to);
  for (const still of standstills) if (still.server === origin) deaf.push(still.from, still.to);
  if (origin !== undefined) deaf.push(...cutOff(origin, facts));
  if (deaf.length === 0) return to - from;
  const clipped = deaf.map((at) => Math.min(Math.max(at, from), to));
  return to - from - (maximum(clipped) - minimum(clipped));
}

/** The times at which this server lost Redis, and at which it heard itself again. */
function cutOff(server: number, { standings }: Facts): Time[] {
  const own = standings.filter((standing) => standing.server === server);
  return own.flatMap(({ at, state }, index) =>
    isCutOff(state) ? [at, own.slice(index).find((later) => !isCutOff(later.state))?.at ?? at] : [],
  );
}

const isCutOff = (state: string): boolean => state === 'reconnecting' || state === 'subscribing';

function isFalse(report: Report, { begin, end, unreadable }: Facts, missed: readonly Missed[]): boolean {
  if (report.at < begin || report.at > end + AFTERMATH_MS) return true;
  if (report.certainty === 'possible') return false;
  const { from, to } = report;
  // The window of an unreadable message begins at the last own echo before it and ends when the message arrived.
  if (unreadable.some(({ call, settle }) => call <= to + ROUNDING_MS && from <= settle)) return false;
  return !missed.some((one) => covers(report, one));
}

// Math.min(...values) would fail because a run can miss more messages than a call may have arguments.
function minimum(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b));
}

function maximum(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b));
}
