import { once } from 'node:events';
import { fork } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LeakReport } from '../servers/leaks/leak-server.js';
import { compiledServer } from '../support/compiled-server.js';

/** With fewer, what the engine learns on the way looks like a leak of a megabyte. */
const WARM_UP = 1000;
const CLIENTS = 1500;
/** 700 bytes of each client would be found. */
const FLAT_BYTES = 1024 * 1024;
/** An idle process ends at once; a busy machine takes its time. */
const EXIT_MS = 5000;

let report: LeakReport;
let exit: { readonly code: number | null; readonly tookMs: number };

beforeAll(async () => {
  const child = fork(compiledServer('leaks/leak-server'), [WARM_UP, CLIENTS].map(String), {
    env: { ...process.env, NODE_OPTIONS: '' },
    execArgv: ['--expose-gc'],
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const early = exited.then(([code]) => {
    throw new Error(`The process ended with ${String(code)} before it reported.`);
  });
  [report] = (await Promise.race([once(child, 'message'), early])) as [LeakReport];
  early.catch(() => undefined);
  const reportedAt = performance.now();
  const deadline = setTimeout(() => child.kill('SIGKILL'), 2 * EXIT_MS);
  const [code] = await exited;
  clearTimeout(deadline);
  exit = { code, tookMs: performance.now() - reportedAt };
}, 120_000);

/**
 * Of each peer the clock of the last 60 heartbeats is kept, of publishes the slowest of ten seconds, and of the audit the
 * channels of its round, which are no more than were wanted when it began.
 */
const KEPT = /(clock\.differences|clock\.steps|delay\.slowest|subscriptions\.round)$/;

/** What grew, by its name. */
function grown(from: Readonly<Record<string, number>>, to: Readonly<Record<string, number>>): string[] {
  return Object.entries(to)
    .filter(([name, count]) => count > (from[name] ?? 0) && !KEPT.test(name))
    .map(([name, count]) => `${name}: ${from[name] ?? 0} → ${count}`);
}

describe(`after ${CLIENTS} clients that used everything and went in every way`, () => {
  it('no connection is counted', () => {
    expect(report.connections).toBe(0);
  });

  it('no map, set or list of the library has an entry more', () => {
    expect(Object.keys(report.before.entries).length).toBeGreaterThan(20);
    expect(grown(report.before.entries, report.after.entries)).toEqual([]);
  });

  it('no timer, socket or other handle is left', () => {
    expect(grown(report.before.resources, report.after.resources)).toEqual([]);
  });

  it('no listener is left: not on the signal that all invokes shared, the HTTP servers or the process', () => {
    expect(report.after.listeners['the shared signal abort']).toBe(0);
    expect(grown(report.before.listeners, report.after.listeners)).toEqual([]);
  });

  it('nobody listens to the streams of their handlers', () => {
    expect(report.streamed).toBe(false);
  });

  it('the heap is where it was', () => {
    expect(report.after.heap - report.before.heap).toBeLessThan(FLAT_BYTES);
  });
});

describe('after app.close()', () => {
  it('no timer, socket or server is left', () => {
    const { Timeout = 0, TCPSocketWrap = 0, TCPServerWrap = 0 } = report.closed.resources;
    expect({ Timeout, TCPSocketWrap, TCPServerWrap }).toEqual({
      Timeout: 0,
      TCPSocketWrap: 0,
      TCPServerWrap: 0,
    });
  });

  it('the process ends by itself, at once and with 0', () => {
    expect(exit.code).toBe(0);
    expect(exit.tookMs).toBeLessThan(EXIT_MS);
  });
});
