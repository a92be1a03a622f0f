import 'reflect-metadata';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { type INestApplication, Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { acquireRedis, type RedisServer } from '../../test/support/redis-server.js';
import { AppModule } from './app.module.js';
import type { FarmServer } from './chat.events.js';
import { startServerProcess } from './server-process.js';

const HOST = '127.0.0.1';
const NAMES = ['Lima', 'Perth', 'Kyoto'];

/** Three servers of the chat, joined by one backplane. */
export interface Farm {
  readonly servers: readonly FarmServer[];
  /** Absent when the servers use a Redis that was there before, or none. */
  readonly redis?: RedisServer | undefined;
  /** Why there is no Redis; the servers then share this process. */
  readonly withoutRedis?: string;
  /** Resolves when a server has ended by itself. */
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
}

/** @param firstPort of three in a row; 0 is any port, and so is a port that is taken */
export async function startFarm(firstPort: number): Promise<Farm> {
  const ports = await freePorts(NAMES.map((_, index) => (firstPort === 0 ? 0 : firstPort + index)));
  const servers = NAMES.map((name, index) => ({ name, url: `http://${HOST}:${ports[index] ?? 0}` }));
  const environments = servers.map(({ name, url }) => ({
    SERVER_NAME: name,
    PORT: new URL(url).port,
    FARM: servers.map((server) => `${server.name}=${server.url}`).join(' '),
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
  return { servers, redis: redis.server, ...(await inProcesses(environments, redis)) };
}

type Running = Pick<Farm, 'ended' | 'stop'>;
interface Environment extends NodeJS.ProcessEnv {
  SERVER_NAME: string;
  PORT: string;
}

async function inProcesses(
  environments: Environment[],
  redis: { url: string; stop: () => Promise<void> },
): Promise<Running> {
  const processes = await Promise.all(
    environments.map((env) => startServerProcess(env.SERVER_NAME, { ...env, REDIS_URL: redis.url })),
  );
  return {
    ended: Promise.race(processes.map(({ ended }) => ended)),
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

/** All are held until all are found, so no two are the same. */
async function freePorts(preferred: number[]): Promise<number[]> {
  const holders = await Promise.all(preferred.map((port) => hold(port).catch(() => hold(0))));
  return holders.map((holder) => {
    const address = holder.address();
    holder.close();
    if (address === null || typeof address === 'string') throw new Error(`${HOST} has no ports.`);
    return address.port;
  });
}

async function hold(port: number): Promise<Server> {
  const server = createServer().listen(port, HOST);
  await once(server, 'listening');
  return server;
}
