import { once } from 'node:events';
import { fork } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Footprint } from '../servers/leaks/footprint.js';
import type { LeakReport } from '../servers/leaks/leak-server.js';
import { compiledServer } from '../support/compiled-server.js';

/** With fewer, what the engine learns on the way looks like a leak of a megabyte. */
const WARM_UP = 1000;
const ROUNDS = 3;
const CLIENTS = 500;
/** A leak grows in every round, but what the engine learns it learns once. A leak of 700 bytes per client is found. */
const FLAT_BYTES = 700 * CLIENTS;
/** An idle process ends at once; a busy machine takes its time. */
const EXIT_MS = 5000;

let report: LeakReport;
let before: Footprint;
let after: Footprint;
let exit: { readonly code: number | null; readonly tookMs: number };

beforeAll(async () => {
  const child = fork(compiledServer('leaks/leak-server'), [WARM_UP, ROUNDS, CLIENTS].map(String), {
    env: { ...process.env, NODE_OPTIONS: '' },
    execArgv: ['--expose-gc'],
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const early = exited.then(([code]) => {
    throw new Error(`The process ended with ${String(code)} before it reported.`);
  });
  [report] = (await Promise.race([once(child, 'message'), early])) as [LeakReport];
  early.catch(() => undefined);
  before = report.rounds.at(0) as Footprint;
  after = report.rounds.at(-1) as Footprint;
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
const KEPT = /(clock\.differences|timeOfDay\.steps|delay\.slowest|subscriptions\.round)$/;

/** What grew, by its name. */
function grown(from: Readonly<Record<string, number>>, to: Readonly<Record<string, number>>): string[] {
  return Object.entries(to)
    .filter(([name, count]) => count > (from[name] ?? 0) && !KEPT.test(name))
    .map(([name, count]) => `${name}: ${from[name] ?? 0} → ${count}`);
}

describe(`after ${ROUNDS * CLIENTS} clients that used everything and went in every way`, () => {
  it('no connection is counted', () => {
    expect(report.connections).toBe(0);
  });

  it('no map, set or list of the library has an entry more', () => {
    expect(Object.keys(before.entries).length).toBeGreaterThan(20);
    expect(grown(before.entries, after.entries)).toEqual([]);
  });

  it('no timer, socket or other handle is left', () => {
    expect(grown(before.resources, after.resources)).toEqual([]);
  });

  it('no listener is left: not on the signal that all invokes shared, the HTTP servers or the process', () => {
    expect(after.listeners['the shared signal abort']).toBe(0);
    expect(grown(before.listeners, after.listeners)).toEqual([]);
  });

  it('nobody listens to the streams of their handlers', () => {
    expect(report.streamed).toBe(false);
  });

  it('the heap is where it was', () => {
    const growths = report.rounds.slice(1).map(({ heap }, index) => heap - (report.rounds[index]?.heap ?? 0));
    expect(growths).toHaveLength(ROUNDS);
    const [, median = Infinity] = growths.toSorted((a, b) => a - b);
    expect(median, `grew by ${growths.join(', ')} bytes`).toBeLessThan(FLAT_BYTES);
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
