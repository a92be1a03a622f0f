import type { ServerReport } from './fuzz-server.js';
import type { Vitals } from './server-health.js';

/** What a server of the round was before and after, and what else was seen of it meanwhile. */
export interface Round {
  readonly before: ServerReport;
  readonly after: ServerReport;
  /** How the process that does nothing fared in the same time. */
  readonly control: Vitals;
  /** The connections that belong to the witnesses. */
  readonly witnesses: number;
  readonly seconds: number;
  /** Memory and maps are compared with the first rounds only when caches are warm and what is kept is there. */
  readonly baseline: ServerReport | undefined;
}

/** CPU time in one turn of the event loop, in milliseconds. The largest permitted message takes a tenth of it. */
export const MAX_TURN_CPU_MS = 1500;
/** A turn that takes so long harms others, unless the machine had nothing left for anybody. */
export const MAX_DELAY_MS = 5000;
/** What may be in use more than after the warm-up, after a garbage collection: buffers, and what is known of ghosts. */
export const FLAT_BYTES = 24 * 2 ** 20;
/** What may be resident at once: the heap's limit, and what every connection of a round may have waiting. */
export const PEAK_BYTES = 500 * 2 ** 20;
/** One line per second of each kind; there are few kinds. */
export const MAX_LINES_PER_SECOND = 20;
export const MAX_LINE_BYTES = 5000;

/** Kept for a time after their cause is gone: other servers for ten minutes, their commands for one. */
const AGING = /^(Peers\.|PeerClock\.|Commands\.done|Copies\.|LimitedLog\.)/;
/** Entries of a map that the witnesses' conversation makes come and go. */
const SLACK = 12;

/** What is wrong with the server; nothing where it is healthy. */
export function judge(round: Round): string[] {
  return [...faults(round), ...blocks(round), ...memory(round), ...leftovers(round), ...logging(round)];
}

/** Whether what clients left behind is gone already: it may take a moment. */
export function isSettled(round: Round): boolean {
  return leftovers(round).length === 0;
}

function faults({ before, after }: Round): string[] {
  return after.faults.slice(before.faults.length);
}

/** A busy machine makes a process late; only the process itself makes it use CPU time. */
function blocks({ after: { worstTurnCpuMs, worstDelayMs }, control }: Round): string[] {
  if (worstTurnCpuMs > MAX_TURN_CPU_MS)
    return [`The event loop was blocked for ${worstTurnCpuMs.toFixed()} ms of CPU time.`];
  if (worstDelayMs > Math.max(MAX_DELAY_MS, 3 * control.worstDelayMs))
    return [
      `The event loop stood still for ${worstDelayMs.toFixed()} ms; an idle process waited ${control.worstDelayMs.toFixed()} ms.`,
    ];
  return [];
}

function memory({ after, baseline }: Round): string[] {
  const findings: string[] = [];
  if (after.peakBytes > PEAK_BYTES) findings.push(`The process used ${megabytes(after.peakBytes)} at once.`);
  const grown = baseline ? after.memory - baseline.memory : 0;
  if (grown > FLAT_BYTES) findings.push(`The memory in use has grown by ${megabytes(grown)}.`);
  return findings;
}

function leftovers({ after, baseline, witnesses }: Round): string[] {
  const findings: string[] = [];
  if (after.connections !== witnesses)
    findings.push(`${after.connections} connections are counted, and ${witnesses} are there.`);
  for (const [name, size] of Object.entries(after.maps)) {
    const was = baseline?.maps[name] ?? 0;
    if (baseline && size > was + SLACK && !AGING.test(name))
      findings.push(`${name} has ${size} entries, and had ${was}.`);
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
