import { once } from 'node:events';
import { fork } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Footprint } from '../servers/leaks/footprint.js';
import type { LeakReport } from '../servers/leaks/leak-server.js';
import { compiledServer } from '../support/compiled-server.js';

/** With fewer clients, V8's own warm-up looks like a leak of a megabyte. */
const WARM_UP = 1000;
const ROUNDS = 3;
const CLIENTS = 500;
/** A leak grows in every round, V8's warm-up does not. This finds a leak of 700 bytes per client. */
const FLAT_BYTES = 700 * CLIENTS;
/** An idle process exits at once, but a busy machine needs some time. */
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
    throw new Error(`The process exited with ${String(code)} before it reported.`);
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
 * Rings of limited size that may still be filling: a peer's clock keeps its last 60 heartbeats, publishes keep the slowest
 * of the last ten seconds, and the audit keeps the channels of its current round.
 */
const KEPT = /(clock\.differences|timeOfDay\.steps|delay\.slowest|subscriptions\.round)$/;

/** Lists the counts that grew. */
function grown(from: Readonly<Record<string, number>>, to: Readonly<Record<string, number>>): string[] {
  return Object.entries(to)
    .filter(([name, count]) => count > (from[name] ?? 0) && !KEPT.test(name))
    .map(([name, count]) => `${name}: ${from[name] ?? 0} → ${count}`);
}

describe(`After ${ROUNDS * CLIENTS} clients that used every feature and disconnected in every way`, () => {
  it('no connections are counted', () => {
    expect(report.connections).toBe(0);
  });

  it('no map, set or list of the library has grown', () => {
    expect(Object.keys(before.entries).length).toBeGreaterThan(20);
    expect(grown(before.entries, after.entries)).toEqual([]);
  });

  it('no timer, socket or other handle is left over', () => {
    expect(grown(before.resources, after.resources)).toEqual([]);
  });

  it('no listener is left over on the AbortSignal shared by all invokes, the HTTP servers or the process', () => {
    expect(after.listeners['the shared signal abort']).toBe(0);
    expect(grown(before.listeners, after.listeners)).toEqual([]);
  });

  it('no handler’s stream has a subscriber', () => {
    expect(report.streamed).toBe(false);
  });

  it('the heap has not grown', () => {
    const growths = report.rounds.slice(1).map(({ heap }, index) => heap - (report.rounds[index]?.heap ?? 0));
    expect(growths).toHaveLength(ROUNDS);
    const [, median = Infinity] = growths.toSorted((a, b) => a - b);
    expect(median, `The heap grew by ${growths.join(', ')} bytes per round.`).toBeLessThan(FLAT_BYTES);
  });
});

describe('After app.close()', () => {
  it('no timer, socket or server is left over', () => {
    const { Timeout = 0, TCPSocketWrap = 0, TCPServerWrap = 0 } = report.closed.resources;
    expect({ Timeout, TCPSocketWrap, TCPServerWrap }).toEqual({
      Timeout: 0,
      TCPSocketWrap: 0,
      TCPServerWrap: 0,
    });
  });

  it('the process exits by itself, at once and with code 0', () => {
    expect(exit.code).toBe(0);
    expect(exit.tookMs).toBeLessThan(EXIT_MS);
  });
});
