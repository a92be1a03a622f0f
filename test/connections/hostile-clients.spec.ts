import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { HostileReport } from '../servers/hostile-server.js';
import { type ServerProcess, startServerProcess } from '../servers/server-process.js';
import { compiledServer } from '../support/compiled-server.js';
import { attack } from '../support/hostile-client.js';
import { Random, withSeed } from '../support/seed.js';
import { useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

const CLIENTS = 5000;
/** After this many clients, caches are warm and permanent state has been allocated. */
const WARM_UP = 1000;
const AT_ONCE = 100;
const FLAT_BYTES = 5 * 1024 * 1024;
/** A blocked server never replies. A busy machine may take seconds. */
const SOON_MS = 15_000;

const farm = useTestFarm();

async function startServer(): Promise<ServerProcess> {
  const server = await startServerProcess(compiledServer('hostile-server'), { execArgv: ['--expose-gc'] });
  farm.onEnd(() => server.child.kill('SIGKILL'));
  return server;
}

/** Polls until only the well-behaved connection is left. */
async function settled(child: ChildProcess): Promise<HostileReport> {
  for (;;) {
    const reported = once(child, 'message') as Promise<[HostileReport]>;
    child.send('report');
    const [report] = await reported;
    if (report.connections === 1) return report;
  }
}

async function attackWith(random: Random, count: number, port: number): Promise<void> {
  const seeds = Array.from({ length: count }, () => random.below(2 ** 32));
  const lane = async (): Promise<void> => {
    for (let seed = seeds.pop(); seed !== undefined; seed = seeds.pop()) await attack(new Random(seed), port);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

/** Sends requests one after the other until aborted. @returns how many milliseconds each reply took */
async function converse(client: WsClient, signal: AbortSignal): Promise<number[]> {
  const took: number[] = [];
  while (!signal.aborted) {
    const began = performance.now();
    client.send('echo', took.length, took.length);
    expect(await client.next()).toEqual({ id: took.length, data: took.length });
    took.push(performance.now() - began);
  }
  return took;
}

describe(`${CLIENTS} hostile clients`, () => {
  it(
    'leave the process healthy, its memory flat, and a well-behaved client unaffected',
    () =>
      withSeed(async (random) => {
        const { child, port, exited } = await startServer();
        const good = await farm.client({ port });
        const stop = new AbortController();
        const conversation = converse(good, stop.signal);
        conversation.catch(() => undefined);

        await attackWith(random, WARM_UP, port);
        const before = await settled(child);
        await attackWith(random, CLIENTS - WARM_UP, port);
        const after = await settled(child);

        stop.abort();
        const took = await conversation;
        expect(took.length).toBeGreaterThan(20);
        expect(Math.max(...took)).toBeLessThan(SOON_MS);
        expect(after.memory - before.memory).toBeLessThan(FLAT_BYTES);
        // Some hostile clients do reply to invokes, more of them on a fast machine.
        expect(after.replies).toBeGreaterThan(10);
        child.send('stop');
        expect(await exited).toEqual([0, null]);
        expect(await good.closed).toMatchObject({ code: 1001 });
      }),
    240_000,
  );
});
