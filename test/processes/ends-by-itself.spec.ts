import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import type { EndReport } from '../servers/ending-server.js';
import { type ServerProcess, startServerProcess } from '../servers/server-process.js';
import { compiledServer } from '../support/compiled-server.js';
import { RawClient } from '../support/raw-client.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
/** A process with nothing left to do exits within milliseconds. One that waits for something waits five seconds or more. */
const EXIT_MS = 4500;

let server: ServerProcess | undefined;
afterEach(() => server?.child.kill('SIGKILL'));

async function start(connection: string, env: NodeJS.ProcessEnv = {}): Promise<ServerProcess> {
  const script = compiledServer('ending-server');
  server = await startServerProcess(script, { connection, prefix: randomUUID(), env });
  return server;
}

async function ownRedis(): Promise<RedisServer> {
  const redis = await startRedis();
  farm.onEnd(() => redis.stop());
  return redis;
}

/** Connects clients in every possible state. */
async function connectAll({ port }: ServerProcess): Promise<void> {
  const waiting = await RawClient.ask({ port }, '/chat?auth=never');
  farm.onEnd(() => waiting.socket.destroy());
  const hooked = await RawClient.ask({ port }, '/chat?hook=never');
  farm.onEnd(() => hooked.socket.destroy());
  const idle = await farm.client({ port }, '/chat');
  const member = await farm.client({ port }, '/chat?user=u1');
  member.send('join', 'a');
  await member.next('joined');
  member.send('join', 'b');
  await member.next('joined');
  member.send('leave', 'b');
  await member.next('left');
  const gone = await farm.client({ port }, '/chat?user=u2');
  await gone.close();
  idle.send('wait');
  await idle.next('waiting');
}

/** Closes the app. Resolves with its report and how long the process then took to exit. */
async function end({ child, exited }: ServerProcess): Promise<EndReport & { readonly tookMs: number }> {
  const said = once(child, 'message') as Promise<[EndReport]>;
  child.send('close');
  const [report] = await said;
  const began = performance.now();
  expect(await exited).toEqual([0, null]);
  return { ...report, tookMs: performance.now() - began };
}

const LATE_CALLS = {
  emit: 'NotPublishedError',
  'emit to a group': 'NotPublishedError',
  command: 'NotPublishedError',
  'command to an absent server': 'NotPublishedError',
  'invoke of an absent server': 'NotPublishedError',
  invokeAll: 'NotPublishedError',
};

describe('A failed bootstrap', () => {
  it.each([
    ['because Redis is unreachable and abortConnect is set', 'redis://127.0.0.1:1', 'StartupTimeoutError'],
    ['because the port of a gateway is taken', 'memory:', 'Error: listen EADDRINUSE'],
    ["because the user's Redis client lacks an option", 'factory', 'InvalidOptionsError'],
  ])('%s leaves nothing running, so the process exits by itself', async (_why, connection, error) => {
    const child = fork(compiledServer('failing-server'), [], {
      env: { ...process.env, NODE_OPTIONS: '', FARM_CONNECTION: connection },
    });
    farm.onEnd(() => child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    const [said] = (await once(child, 'message')) as [string];
    const began = performance.now();

    expect(said).toContain(error);
    expect(await exited).toEqual([0, null]);
    expect(performance.now() - began).toBeLessThan(EXIT_MS);
  });
});

describe('After app.close() has resolved', () => {
  it.each(['memory:', 'Redis'])(
    'nothing keeps the process alive and calls fail fast, with the connection %s',
    async (kind) => {
      const started = await start(kind === 'Redis' ? (await ownRedis()).url : kind, {
        SHUTDOWN_TIMEOUT: '500',
      });
      await connectAll(started);

      const { resources, late, pending, tookMs } = await end(started);

      expect(resources).toEqual([]);
      expect(late).toMatchObject(LATE_CALLS);
      expect(Object.values(late)).not.toContain('pending');
      expect(pending).toMatchObject({ 'invoke of a client': 'ConnectionClosedError' });
      expect(Object.values(pending)).not.toContain('pending');
      expect(tookMs).toBeLessThan(EXIT_MS);
    },
  );

  it.each(['is gone', 'is frozen'])(
    'nothing keeps the process alive and calls fail fast if Redis %s',
    async (how) => {
      const redis = await ownRedis();
      const started = await start(redis.url, { SHUTDOWN_TIMEOUT: '500' });
      await connectAll(started);
      if (how === 'is gone') await redis.kill();
      else redis.freeze();

      const { resources, late, pending, tookMs } = await end(started);

      expect(resources).toEqual([]);
      expect(late).toMatchObject(LATE_CALLS);
      for (const ends of [late, pending]) expect(Object.values(ends)).not.toContain('pending');
      expect(tookMs).toBeLessThan(EXIT_MS);
    },
  );
});
