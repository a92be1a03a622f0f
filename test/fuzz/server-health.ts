import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { LoggerService } from '@nestjs/common';

/** Linux's scheduler statistics of the main thread. The first number is its CPU time in nanoseconds. */
const MAIN_THREAD = `/proc/self/task/${process.pid}/schedstat`;
/** How often CPU time is sampled. */
const TICK_MS = 20;
const MAX_FAULTS = 200;

/** The health of a process since the last report. */
export interface Vitals {
  /** The longest event loop delay, in milliseconds. */
  readonly worstDelayMs: number;
  /** The most CPU milliseconds that the event loop used between two samples. Independent of the machine's load. */
  readonly worstTurnCpuMs: number;
  /** The peak resident memory since startup, in bytes. */
  readonly peakBytes: number;
}

/** Measures the event loop and the memory of this process. */
export class VitalsWatch {
  private readonly delay = monitorEventLoopDelay({ resolution: TICK_MS });
  private cpuMs = cpuMs();
  private worstTurnCpuMs = 0;

  constructor() {
    this.delay.enable();
    setInterval(() => this.tick(), TICK_MS);
  }

  /** Returns the values since the last call and resets them. */
  take(): Vitals {
    this.tick();
    const { worstTurnCpuMs } = this;
    const worstDelayMs = this.delay.max / 1e6;
    this.forget();
    return { worstDelayMs, worstTurnCpuMs, peakBytes: process.resourceUsage().maxRSS * 1024 };
  }

  /** Discards the values since the last call, for example after a garbage collection that the test requested. */
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

/** The CPU time of the event loop's thread. The process's CPU time would include the garbage collector's threads. */
function cpuMs(): number {
  const [nanoseconds = '0'] = readFileSync(MAIN_THREAD, 'utf8').split(' ');
  return Number(nanoseconds) / 1e6;
}

/** Collects errors that would crash the process, and Node's warnings, so that the run can continue and report them. */
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

/** Replaces the console logger and counts lines instead of writing them. */
export class CountingLogger implements LoggerService {
  lines = 0;
  bytes = 0;
  /** Line counts by the first characters of the line. */
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
  // Collect twice with a pause in between, so that objects released by finalizers are collected too.
  for (let round = 0; round < 2; round++) {
    globalThis.gc?.();
    await delay(10);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
