import type { Result } from './bench.js';
import type { Row } from './judge.js';

const COLUMNS: readonly (readonly [title: string, of: (row: Row) => string])[] = [
  ['exits', ({ exits }) => `${exits}`],
  ['unhandled', ({ unhandled }) => `${unhandled}`],
  ['dup', ({ duplicates }) => `${duplicates}`],
  ['order', ({ disorder }) => `${disorder}`],
  ['local lost', ({ undelivered }) => `${undelivered}`],
  ['uncovered', ({ uncovered }) => `${uncovered}`],
  ['covered', ({ covered }) => `${covered}`],
  ['stranded', ({ stranded }) => `${stranded}`],
  ['belied', ({ belied }) => `${belied}`],
  ['width ms', ({ widthMs }) => `${widthMs}`],
  ['false', ({ falseReports }) => `${falseReports}`],
  ['noticed ms', ({ noticeMs }) => orDash(noticeMs)],
  ['ready ms', ({ readyMs }) => orDash(readyMs)],
  ['emits', ({ emits }) => `${emits}`],
  ['received', ({ received }) => `${received}`],
  ['stall ms', ({ stalledMs }) => `${stalledMs}`],
];

const NAME_WIDTH = 17;
const POLICY_WIDTH = 6;

export const HEADER = line([
  'fault'.padEnd(NAME_WIDTH),
  'policy'.padEnd(POLICY_WIDTH),
  ...COLUMNS.map(([title]) => title),
  'misses its target',
]);
export const RULE = HEADER.replace(/[^|]/g, '-');

/** A Markdown table row. */
export function tableRow({ fault, policy, row, missed }: Result): string {
  const cells = COLUMNS.map(([title, of]) => of(row).padStart(title.length));
  return line([fault.padEnd(NAME_WIDTH), policy.padEnd(POLICY_WIDTH), ...cells, missed.join(', ') || '-']);
}

/** The rows as JSON, without the facts. */
export function asJson(results: readonly Result[]): string {
  return `${JSON.stringify(
    results.map(({ fault, policy, row, missed }) => ({ fault, policy, ...row, missed })),
    // JSON has no Infinity, which means that something never happened.
    (_key, value: unknown) => (value === Infinity ? 'never' : value),
    2,
  )}\n`;
}

function orDash(ms: number | undefined): string {
  if (ms === undefined) return '-';
  return Number.isFinite(ms) ? `${ms}` : 'never';
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
