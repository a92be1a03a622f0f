import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { NestFactory } from '@nestjs/core';
import {
  type INestApplication,
  type INestApplicationContext,
  Module,
  type ModuleMetadata,
  type NestApplicationOptions,
  type Type,
} from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { afterEach } from 'vitest';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { type ChatServer, startChatServer } from './chat-app.js';
import { WsClient } from './ws-client.js';

/** A failed bootstrap rejects and logs nothing. */
export const QUIET: NestApplicationOptions = { logger: false, abortOnError: false };

@Module({})
class Root {}

/** The servers and clients of one test. They end with the test in reverse order. */
export class TestFarm {
  private readonly cleanups: (() => unknown)[] = [];
  private name = randomUUID();

  /** Options with a prefix that no other test uses. Without a connection they use the memory transport. */
  options(connection = `memory:${this.name}`): RedisBackplaneOptions {
    return { connection, channelPrefix: this.name };
  }

  async server(options = this.options(), metadata: ModuleMetadata = {}, gateway?: Type): Promise<ChatServer> {
    const server = await startChatServer(options, metadata, gateway);
    this.onEnd(() => server.app.close());
    return server;
  }

  /** Creates an app like `main.ts`, without listening. */
  async app(
    metadata: ModuleMetadata,
    adapter: AbstractHttpAdapter = new ExpressAdapter(),
  ): Promise<INestApplication> {
    return this.ending(await NestFactory.create({ module: Root, ...metadata }, adapter, QUIET));
  }

  async context(metadata: ModuleMetadata): Promise<INestApplicationContext> {
    return this.ending(await NestFactory.createApplicationContext({ module: Root, ...metadata }, QUIET));
  }

  async client(
    { port }: { port: number },
    path = '/chat',
    options?: Parameters<typeof WsClient.open>[1],
  ): Promise<WsClient> {
    const client = await WsClient.open(`ws://127.0.0.1:${port}${path}`, options);
    this.onEnd(() => client.socket.terminate());
    return client;
  }

  ending<T extends { close(): Promise<unknown> }>(closable: T): T {
    this.onEnd(() => closable.close());
    return closable;
  }

  onEnd(cleanup: () => unknown): void {
    this.cleanups.push(cleanup);
  }

  /** Collects uncaught errors from now on. They would have crashed a server. */
  escapes(): unknown[] {
    const escaped: unknown[] = [];
    const note = (error: unknown): void => void escaped.push(error);
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, note);
      this.onEnd(() => process.off(event, note));
    }
    return escaped;
  }

  async end(): Promise<void> {
    this.name = randomUUID();
    const failures: unknown[] = [];
    for (const cleanup of this.cleanups.splice(0).reverse()) {
      try {
        await cleanup();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'The cleanup of the test failed.');
  }
}

/** A farm that ends after each test. */
export function useTestFarm(): TestFarm {
  const farm = new TestFarm();
  afterEach(() => farm.end());
  return farm;
}

/** Starts to listen on loopback. @returns the port */
export async function listen(app: INestApplication): Promise<number> {
  await app.listen(0, '127.0.0.1');
  return (app.getHttpServer() as { address(): AddressInfo }).address().port;
}

export async function idOf(client: WsClient): Promise<string> {
  client.send('id');
  return (await client.next('id')).data as string;
}

export async function join(client: WsClient, group: string): Promise<void> {
  client.send('join', group);
  await client.next('joined');
}

/** The server's object for its only connection. */
export function onlyConnection({ broadcaster }: ChatServer): BackplaneConnection {
  const [connection, ...others] = broadcaster.localConnections;
  if (!connection || others.length > 0) throw new Error('Expected exactly one connection on the server.');
  return connection;
}

/**
 * Resolves once all clients have received everything that the server emitted before, because messages arrive in order.
 */
export async function delivered(sender: ChatServer, ...clients: WsClient[]): Promise<void> {
  const mark = randomUUID();
  await sender.broadcaster.gateway('/chat').emit(mark);
  await Promise.all(clients.map((client) => client.next(mark)));
}

/** Resolves in the next event loop turn, after Node has emitted `unhandledRejection` events. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
