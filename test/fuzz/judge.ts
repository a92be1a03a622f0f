import type { ServerReport } from './fuzz-server.js';
import type { Vitals } from './server-health.js';

/** Everything that the judge knows about one server in one round. */
export interface Round {
  readonly before: ServerReport;
  readonly after: ServerReport;
  /** The vitals of the idle control process in the same time. */
  readonly control: Vitals;
  /** How many connections belong to witnesses. */
  readonly witnesses: number;
  readonly seconds: number;
  /** The report after the warm-up rounds, or `undefined` during them. Memory and maps are compared with it. */
  readonly baseline: ServerReport | undefined;
}

/** The most CPU milliseconds in one turn of the event loop. The largest permitted message takes a tenth of it. */
export const MAX_TURN_CPU_MS = 1500;
/** A turn that takes this long harms other clients, unless the whole machine was busy. */
export const MAX_DELAY_MS = 5000;
/**
 * How far memory may grow after the warm-up, measured after a garbage collection: buffers and entries for fake peers.
 */
export const FLAT_BYTES = 24 * 2 ** 20;
/** The resident memory limit: the heap limit plus the messages that may be pending for all connections of a round. */
export const PEAK_BYTES = 500 * 2 ** 20;
/** The library logs at most one line per second of each kind, and there are few kinds. */
export const MAX_LINES_PER_SECOND = 20;
export const MAX_LINE_BYTES = 5000;

/** Maps whose entries expire by time: peers after ten minutes, their commands after one. */
const AGING = /^(Peers\.|PeerClock\.|Commands\.done|Copies\.|LimitedLog\.)/;
/** How many entries a map may have because of the witnesses' conversation. */
const SLACK = 12;

/** Lists what is wrong with the server. Empty if it is healthy. */
export function judge(round: Round): string[] {
  return [...faults(round), ...blocks(round), ...memory(round), ...leftovers(round), ...logging(round)];
}

/** Whether the server has cleaned up after its clients, which may take a moment. */
export function isSettled(round: Round): boolean {
  return leftovers(round).length === 0;
}

function faults({ before, after }: Round): string[] {
  return after.faults.slice(before.faults.length);
}

/** A busy machine can delay a process, but CPU time is always the process's own. */
function blocks({ after: { worstTurnCpuMs, worstDelayMs }, control }: Round): string[] {
  if (worstTurnCpuMs > MAX_TURN_CPU_MS)
    return [`The event loop was blocked for ${worstTurnCpuMs.toFixed()} ms of CPU time.`];
  if (worstDelayMs > Math.max(MAX_DELAY_MS, 3 * control.worstDelayMs))
    return [
      `The event loop was late by ${worstDelayMs.toFixed()} ms, but the idle process only by ${control.worstDelayMs.toFixed()} ms.`,
    ];
  return [];
}

function memory({ after, baseline }: Round): string[] {
  const findings: string[] = [];
  if (after.peakBytes > PEAK_BYTES) findings.push(`The process used ${megabytes(after.peakBytes)} at once.`);
  const grown = baseline ? after.memory - baseline.memory : 0;
  if (grown > FLAT_BYTES) findings.push(`Memory use grew by ${megabytes(grown)}.`);
  return findings;
}

function leftovers({ after, baseline, witnesses }: Round): string[] {
  const findings: string[] = [];
  if (after.connections !== witnesses)
    findings.push(`${after.connections} connections are counted, but ${witnesses} are open.`);
  for (const [name, size] of Object.entries(after.maps)) {
    const was = baseline?.maps[name] ?? 0;
    if (baseline && size > was + SLACK && !AGING.test(name))
      findings.push(`${name} has ${size} entries, up from ${was}.`);
  }
  return findings;
}

function logging({ before, after, seconds }: Round): string[] {
  const lines = after.loggedLines - before.loggedLines;
  const bytes = after.loggedBytes - before.loggedBytes;
  const allowed = MAX_LINES_PER_SECOND * (1 + seconds);
  if (lines <= allowed && bytes <= allowed * MAX_LINE_BYTES) return [];
  const [beginning] = Object.entries(after.loggedBeginnings).toSorted(([, one], [, other]) => other - one);
  const most = beginning ? ` Most of them begin with "${beginning[0]}".` : '';
  return [`${lines} lines of ${bytes} bytes were logged in ${seconds.toFixed(1)} s.${most}`];
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed()} MiB`;
}
