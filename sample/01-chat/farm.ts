import 'reflect-metadata';
import { type INestApplication, Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { freePorts } from '../../test/support/free-ports.js';
import { acquireRedis, type RedisServer } from '../../test/support/redis-server.js';
import { startServerProcess } from '../support/server-process.js';
import { AppModule } from './app.module.js';

const HOST = '127.0.0.1';
const MAIN = new URL('./main.js', import.meta.url);
const NAMES = ['Lima', 'Perth', 'Kyoto'];

export interface RunningServer {
  readonly name: string;
  readonly port: number;
  readonly url: string;
  /** Absent when the servers share a process. */
  readonly pid?: number | undefined;
}

/** Three servers of the chat, joined by one backplane. */
export interface Farm {
  readonly servers: readonly RunningServer[];
  /** Absent when the servers use a Redis that was there before, or none. */
  readonly redis?: RedisServer | undefined;
  /** Why there is no Redis; the servers then share this process. */
  readonly withoutRedis?: string;
  /** Resolves when all servers have ended by themselves. The others go on when one is killed. */
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface FarmOptions {
  /** Of three in a row, where they are free; any ports when it is not given. */
  readonly firstPort?: number;
  /** Behind a balancer pages do not know the servers' addresses, only their names. */
  readonly behindBalancer?: boolean;
}

export async function startFarm({ firstPort, behindBalancer = false }: FarmOptions): Promise<Farm> {
  const ports = await freePorts(
    NAMES.map((_, index) => (firstPort === undefined ? undefined : firstPort + index)),
  );
  const servers = NAMES.map((name, index) => {
    const port = ports[index] ?? 0;
    return { name, port, url: `http://${HOST}:${port}` };
  });
  const environments = servers.map(({ name, port }) => ({
    SERVER_NAME: name,
    PORT: `${port}`,
    FARM: servers.map((server) => `${server.name}=${server.url}`).join(' '),
    BEHIND_BALANCER: `${behindBalancer}`,
    // Two demos at the same Redis are two apps.
    CHANNEL_PREFIX: `chat-${process.pid}`,
  }));
  let redis;
  try {
    redis = await acquireRedis();
  } catch (error) {
    const [withoutRedis = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    return { servers, withoutRedis, ...(await inThisProcess(environments)) };
  }
  const { pids, ...running } = await inProcesses(environments, redis);
  const started = servers.map((server, index) => ({ ...server, pid: pids[index] }));
  return { servers: started, redis: redis.server, ...running };
}

type Running = Pick<Farm, 'ended' | 'stop'>;
interface Environment extends NodeJS.ProcessEnv {
  SERVER_NAME: string;
  PORT: string;
}

async function inProcesses(
  environments: Environment[],
  redis: { url: string; stop: () => Promise<void> },
): Promise<Running & { pids: (number | undefined)[] }> {
  const processes = await Promise.all(
    environments.map((env) => startServerProcess(env.SERVER_NAME, MAIN, { ...env, REDIS_URL: redis.url })),
  );
  return {
    pids: processes.map(({ pid }) => pid),
    ended: Promise.all(processes.map(({ ended }) => ended)).then(() => undefined),
    stop: async () => {
      await Promise.all(processes.map((server) => server.stop()));
      await redis.stop();
    },
  };
}

async function inThisProcess(environments: Environment[]): Promise<Running> {
  Logger.overrideLogger(['error', 'warn']);
  const apps: INestApplication[] = [];
  for (const env of environments) {
    // One after the other: each app reads its settings from the environment while it is made.
    Object.assign(process.env, env, { REDIS_URL: 'memory:' });
    const app = await NestFactory.create(AppModule);
    await app.listen(env.PORT, HOST);
    apps.push(app);
  }
  return {
    ended: new Promise(() => undefined),
    stop: async () => {
      await Promise.all(apps.map((app) => app.close()));
    },
  };
}
