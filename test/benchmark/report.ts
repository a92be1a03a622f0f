import { CONTESTANTS } from './contestants/contestant.js';
import type { Ratio, Row } from './results.js';

const RATIOS = ['to socket.io', 'goal', 'to floor', 'goal', 'signalr to plain', 'goal'];
const HEADER = ['scenario', 'measure', 'unit', ...CONTESTANTS, ...RATIOS];

/** A Markdown table with aligned columns. */
export function table(rows: readonly Row[]): string {
  const lines = [HEADER, ...rows.map(cells)];
  const widths = HEADER.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const text = lines.map(
    (line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  );
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [text[0], rule, ...text.slice(1)].join('\n');
}

function cells({ scenario, measure, unit, medians, ...ratios }: Row): string[] {
  const values = CONTESTANTS.map((name) => shown(medians[name]));
  const { toSocketIo, toFloor, signalrToPlain } = ratios;
  return [scenario, measure, unit, ...values, ...[toSocketIo, toFloor, signalrToPlain].flatMap(ratioCells)];
}

function ratioCells({ value, goal, missed }: Ratio): [string, string] {
  return [shown(value), goal === undefined ? '' : missed ? `${goal} missed` : goal];
}

/** Formats a value with three significant digits. */
function shown(value: number | undefined): string {
  if (value === undefined) return '';
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
