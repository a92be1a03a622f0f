import type { Facts, Report, Time } from './facts.js';

const MAX_LINES = 200;
/** Events shortly before the fault may help to explain it. */
const BEFORE_MS = 1000;

/** The events of a run, in milliseconds since the fault began. It helps to explain a missed target. */
export function timelineOf(facts: Facts): string {
  const { begin, end, marks, failures, reports, standings, checks } = facts;
  const events: [at: Time, what: string][] = [
    [end, 'the fault is over'],
    ...marks.map(({ at, what, servers }): [Time, string] => [at, `${what}, servers ${servers.join()}`]),
    ...failures.map(({ at, server, cause }): [Time, string] => [at, `server ${server} failed: ${cause}`]),
    ...standings.map(({ at, server, state, peers }): [Time, string] => [
      at,
      `server ${server} is ${state}, with ${peers} peers`,
    ]),
    ...reports.map((report): [Time, string] => [report.at, describe(report, begin)]),
  ];
  const lines = events
    .filter(([at]) => at >= begin - BEFORE_MS)
    .sort(([a], [b]) => a - b)
    .map(([at, what]) => `${Math.round(at - begin)} ms: ${what}`)
    // A server that retries every few milliseconds repeats the same event.
    .filter((line, index, all) => line !== all[index - 1]);
  const failed = checks.filter(({ passed }) => !passed).map(({ name }) => `failed check: ${name}`);
  return [...lines.slice(-MAX_LINES), ...failed].join('\n');
}

function describe({ server, from, to, certainty, origin, targets }: Report, begin: Time): string {
  const window = `${Math.round(from - begin)} to ${Math.round(to - begin)} ms`;
  const names = targets.map(({ kind, name }) => `${kind} ${name}`.trim()).join(', ');
  return `server ${server} reports a ${certainty} loss from ${window}, of ${origin ?? 'anyone'}, to ${names}`;
}
