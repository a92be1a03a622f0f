import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FarmProcess, startFarmProcess } from '../servers/farm-process.js';
import { compiledServer } from '../support/compiled-server.js';
import { acquireRedis, type AcquiredRedis } from '../support/redis-server.js';
import { useTestFarm } from '../support/test-farm.js';
import { WsClient } from '../support/ws-client.js';
import { eventually } from '../support/observe.js';

const farm = useTestFarm();
let redis: AcquiredRedis;

beforeAll(async () => {
  redis = await acquireRedis();
});
afterAll(() => redis.stop());

async function startServers(): Promise<FarmProcess[]> {
  const prefix = randomUUID();
  return Promise.all(
    [0, 1, 2].map(async () => {
      const server = await startFarmProcess(compiledServer('farm-server'), redis.url, prefix);
      farm.onEnd(() => server.stop());
      return server;
    }),
  );
}

/** An unhandled rejection would make Node exit with another code than 0. */
async function expectCleanEnd(servers: FarmProcess[]): Promise<void> {
  expect(await Promise.all(servers.map((server) => server.stop()))).toEqual([0, 0, 0]);
}

describe('Three server processes on one Redis', () => {
  it('deliver 10,000 concurrent emits of each server to a client of each once and in order', async () => {
    const COUNT = 10_000;
    const servers = await startServers();
    const clients = await Promise.all(servers.map((server) => farm.client(server, '/farm')));

    for (const [sender, client] of clients.entries()) client.send('flood', { sender, count: COUNT });

    await Promise.all(clients.map((client) => client.count('flooded', servers.length)));
    const numbers = Array.from({ length: COUNT }, (_, number) => number);
    for (const client of clients) {
      const received = client.dataOf('number') as [sender: number, number: number][];
      for (const sender of servers.keys()) {
        expect(received.filter(([from]) => from === sender).map(([, number]) => number)).toEqual(numbers);
      }
      expect(received).toHaveLength(servers.length * COUNT);
    }
    await expectCleanEnd(servers);
  }, 60_000);

  it('deliver an emit of another server right after a join, 1,000 times out of 1,000', async () => {
    const [LANES, ROUNDS] = [10, 100];
    const servers = await startServers();
    const openAt = (index: number): Promise<WsClient> =>
      farm.client(servers[index % servers.length] as FarmProcess, '/farm');
    let arrived = 0;

    await Promise.all(
      Array.from({ length: LANES }, async (_, lane) => {
        const [member, teller] = [await openAt(lane), await openAt(lane + 1)];
        for (let round = 0; round < ROUNDS; round++) {
          const group = `${lane}/${round}`;
          member.send('join', group);
          await member.next('joined');
          teller.send('tell', { group, text: group });
          if ((await member.next('told')).data === group) arrived++;
        }
      }),
    );

    expect(arrived).toBe(LANES * ROUNDS);
    await expectCleanEnd(servers);
  }, 60_000);
});

describe('A killed test runner', () => {
  it.each<[name: string, kill: (pid: number) => void]>([
    ['by SIGKILL', (pid) => process.kill(pid, 'SIGKILL')],
    ['by SIGINT to its process group, as by Ctrl-C', (pid) => process.kill(-pid, 'SIGINT')],
  ])('%s leaves no server and no Redis behind', { timeout: 60_000 }, async (_name, kill) => {
    const owner = spawn(process.execPath, [compiledServer('farm-owner')], {
      // A separate process group, so that the signal does not reach this process.
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    farm.onEnd(() => owner.kill('SIGKILL'));
    const said = JSON.parse((await once(owner.stdout, 'data')).join('')) as { redis: number; port: number };
    const client = await farm.client(said, '/farm');
    // The server writes to the same pipe, so the pipe ends once both processes have exited.
    const bothGone = once(owner.stdout, 'end');

    kill(owner.pid ?? NaN);

    await bothGone;
    await client.closed;
    await expect(farm.client(said, '/farm')).rejects.toThrow('ECONNREFUSED');
    await eventually(() => expect(isAlive(said.redis)).toBe(false));
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
