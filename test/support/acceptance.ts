import { afterAll, beforeAll, expect } from 'vitest';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import type { Authenticate } from '../../lib/options/authenticate.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import type { ChatServer } from './chat-app.js';
import { acquireRedis, type AcquiredRedis, startRedis } from './redis-server.js';
import { idOf, type TestFarm } from './test-farm.js';
import type { ServerMessage, WsClient } from './ws-client.js';

/** A client and the server's object for its connection. */
export interface Member {
  readonly client: WsClient;
  readonly id: string;
  readonly connection: BackplaneConnection;
}

/** A Redis for all tests of a file. `own`: a Redis that no other test uses, so that its counters are exact. */
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

/** Admits everyone. `?user=` gives the user id. */
export const userOfQuery: Authenticate = ({ url = '/' }) => {
  const userId = new URL(url, 'ws://server').searchParams.get('user');
  return userId === null ? {} : { userId };
};

/** Starts two servers on one Redis, with a prefix that no other test uses. */
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

/** The server's object for the connection with this id. */
export function connectionOf({ broadcaster }: ChatServer, id: string): BackplaneConnection {
  for (const connection of broadcaster.gateway('/chat').localConnections)
    if (connection.id === id) return connection;
  throw new Error(`The server has no connection with the id ${id}.`);
}

/** Closes the client. Resolves once the server's socket has closed too. */
export async function disconnected({ connection, client }: Member): Promise<void> {
  const gone = new Promise((resolve) => connection.socket.once('close', resolve));
  await client.close();
  await gone;
}

/** Sends a client's reply to a request of the server. */
export function answer(client: WsClient, { id }: ServerMessage, data: unknown): void {
  client.sendRaw(JSON.stringify({ id, data }));
}

export function answerWithError(client: WsClient, { id }: ServerMessage, error: unknown): void {
  client.sendRaw(JSON.stringify({ id, error }));
}

/** Makes the client reply to every request with this event from now on. */
export function autoAnswer(client: WsClient, event: string, data: unknown): void {
  client.socket.on('message', (bytes: Buffer) => {
    const message = JSON.parse(bytes.toString()) as ServerMessage;
    if (message.event === event && message.id !== undefined) answer(client, message, data);
  });
}

/** Resolves with the error that the promise rejects with, and fails if it resolves. May be awaited later. */
export function rejection<E extends Error>(
  promise: Promise<unknown>,
  type: abstract new (...args: never[]) => E,
): Promise<E> {
  const rejected = promise.then(
    (value) =>
      expect.unreachable(`Expected a rejection, but the promise resolved with ${JSON.stringify(value)}.`),
    (reason: unknown) => {
      expect(reason).toBeInstanceOf(type);
      return reason as E;
    },
  );
  rejected.catch(() => undefined);
  return rejected;
}
