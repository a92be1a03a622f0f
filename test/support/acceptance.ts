import { afterAll, beforeAll, expect } from 'vitest';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import type { Authenticate } from '../../lib/options/authenticate.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import type { ChatServer } from './chat-app.js';
import { acquireRedis, type AcquiredRedis, startRedis } from './redis-server.js';
import { idOf, type TestFarm } from './test-farm.js';
import type { ServerMessage, WsClient } from './ws-client.js';

/** A client, and its server's end of it. */
export interface Member {
  readonly client: WsClient;
  readonly id: string;
  readonly connection: BackplaneConnection;
}

/** A Redis for all tests of a file. `own`: one that nobody else uses, so that what it counts is ours. */
export function useRedis({ own = false } = {}): { readonly url: string } {
  let redis: Pick<AcquiredRedis, 'url' | 'stop'>;
  beforeAll(async () => {
    redis = await (own ? startRedis() : acquireRedis());
  });
  afterAll(() => redis.stop());
  return {
    get url() {
      return redis.url;
    },
  };
}

/** Admits everyone; `?user=` says as whom. */
export const userOfQuery: Authenticate = ({ url = '/' }) => {
  const userId = new URL(url, 'ws://server').searchParams.get('user');
  return userId === null ? {} : { userId };
};

/** Two servers on one Redis, with a prefix that no other test has. */
export async function serverPair(
  farm: TestFarm,
  connection: string,
  options: RedisBackplaneOptions = {},
): Promise<[near: ChatServer, far: ChatServer]> {
  const all = { ...farm.options(connection), authenticate: userOfQuery, ...options };
  return Promise.all([farm.server(all), farm.server(all)]);
}

export async function connectMember(farm: TestFarm, server: ChatServer, user?: string): Promise<Member> {
  const query = user === undefined ? '' : `?user=${encodeURIComponent(user)}`;
  const client = await farm.client(server, `/chat${query}`);
  const id = await idOf(client);
  return { client, id, connection: connectionOf(server, id) };
}

/** The server's end of the connection. */
export function connectionOf({ broadcaster }: ChatServer, id: string): BackplaneConnection {
  for (const connection of broadcaster.gateway('/chat').localConnections)
    if (connection.id === id) return connection;
  throw new Error(`The server has no connection ${id}.`);
}

/** Resolves when the server has done all that belongs to the end of the connection. */
export async function disconnected({ connection, client }: Member): Promise<void> {
  const gone = new Promise((resolve) => connection.socket.once('close', resolve));
  await client.close();
  await gone;
}

/** What a client sends back to a question. */
export function answer(client: WsClient, { id }: ServerMessage, data: unknown): void {
  client.sendRaw(JSON.stringify({ id, data }));
}

export function answerWithError(client: WsClient, { id }: ServerMessage, error: unknown): void {
  client.sendRaw(JSON.stringify({ id, error }));
}

/** The client answers every question of the event from now on. */
export function autoAnswer(client: WsClient, event: string, data: unknown): void {
  client.socket.on('message', (bytes: Buffer) => {
    const message = JSON.parse(bytes.toString()) as ServerMessage;
    if (message.event === event && message.id !== undefined) answer(client, message, data);
  });
}

/** What the promise is rejected with; fails when it resolves. May be awaited late. */
export function rejection<E extends Error>(
  promise: Promise<unknown>,
  type: abstract new (...args: never[]) => E,
): Promise<E> {
  const rejected = promise.then(
    (value) => expect.unreachable(`It resolved with ${JSON.stringify(value)}.`),
    (reason: unknown) => {
      expect(reason).toBeInstanceOf(type);
      return reason as E;
    },
  );
  rejected.catch(() => undefined);
  return rejected;
}
