import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { LoggerService } from '@nestjs/common';

/** What Linux knows of the main thread, whose number is that of the process: nanoseconds of CPU time come first. */
const MAIN_THREAD = `/proc/self/task/${process.pid}/schedstat`;
/** How often the process is looked at. */
const TICK_MS = 20;
const MAX_FAULTS = 200;

/** How a process has fared since it was last asked. */
export interface Vitals {
  /** The longest time between two turns of the event loop, in milliseconds. */
  readonly worstDelayMs: number;
  /** The most CPU time that the event loop used between two ticks: a block, however busy the machine is. */
  readonly worstTurnCpuMs: number;
  /** The most memory that was resident at once since the start, in bytes. */
  readonly peakBytes: number;
}

/** Watches the event loop and the memory of this process. */
export class VitalsWatch {
  private readonly delay = monitorEventLoopDelay({ resolution: TICK_MS });
  private cpuMs = cpuMs();
  private worstTurnCpuMs = 0;

  constructor() {
    this.delay.enable();
    setInterval(() => this.tick(), TICK_MS);
  }

  /** What was seen since the last call. */
  take(): Vitals {
    this.tick();
    const { worstTurnCpuMs } = this;
    const worstDelayMs = this.delay.max / 1e6;
    this.forget();
    return { worstDelayMs, worstTurnCpuMs, peakBytes: process.resourceUsage().maxRSS * 1024 };
  }

  /** What this process did meanwhile is nobody's fault: a garbage collection that it was asked for, say. */
  forget(): void {
    this.delay.reset();
    this.cpuMs = cpuMs();
    this.worstTurnCpuMs = 0;
  }

  private tick(): void {
    const now = cpuMs();
    this.worstTurnCpuMs = Math.max(this.worstTurnCpuMs, now - this.cpuMs);
    this.cpuMs = now;
  }
}

/** The CPU time of the thread that runs the event loop. That of the process has the garbage collector's threads in it. */
function cpuMs(): number {
  const [nanoseconds = '0'] = readFileSync(MAIN_THREAD, 'utf8').split(' ');
  return Number(nanoseconds) / 1e6;
}

/** Collects what would end the process, or is a sign of a defect, so that a run can go on and name it. */
export class FaultLog {
  readonly faults: string[] = [];

  constructor() {
    process.on('uncaughtException', (error) => this.add('uncaught exception', error));
    process.on('unhandledRejection', (reason) => this.add('unhandled rejection', reason));
    process.on('warning', (warning) => this.add('warning', warning));
  }

  private add(what: string, error: unknown): void {
    if (this.faults.length >= MAX_FAULTS) return;
    this.faults.push(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}

const LINE_BEGINNING = 40;
const MAX_BEGINNINGS = 100;

/** Takes the place of the console, and counts what would be written there. */
export class CountingLogger implements LoggerService {
  lines = 0;
  bytes = 0;
  /** How many lines began alike. */
  readonly beginnings: Record<string, number> = {};

  readonly log = (): void => undefined;
  readonly warn = (...line: unknown[]): void => this.count(line);
  readonly error = (...line: unknown[]): void => this.count(line);
  readonly fatal = (...line: unknown[]): void => this.count(line);

  private count(line: readonly unknown[]): void {
    this.lines++;
    const [first] = line;
    const beginning = (first instanceof Error ? first.message : String(first)).slice(0, LINE_BEGINNING);
    if (beginning in this.beginnings || Object.keys(this.beginnings).length < MAX_BEGINNINGS)
      this.beginnings[beginning] = (this.beginnings[beginning] ?? 0) + 1;
    for (const part of line)
      this.bytes += part instanceof Error ? (part.stack?.length ?? 0) : String(part).length;
  }
}

/** Bytes in use after a garbage collection. Run with --expose-gc. */
export async function memoryInUse(): Promise<number> {
  // Twice, with a turn between: what finalizers let go of is collected, too.
  for (let round = 0; round < 2; round++) {
    globalThis.gc?.();
    await delay(10);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
