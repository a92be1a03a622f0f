import type { Type } from '@nestjs/common';
import { expect } from 'vitest';
import { WebSocket } from 'ws';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import type { ChatServer } from './chat-app.js';
import { HubGateway } from './hub.gateway.js';
import { RawHubClient, type RawHubOptions } from './raw-hub-client.js';
import type { TestFarm } from './test-farm.js';

/** Starts a server for SignalR clients and plain ones, in both encodings. */
export function hubServer(
  farm: TestFarm,
  options: RedisBackplaneOptions = {},
  gateway: Type = HubGateway,
): Promise<ChatServer> {
  return farm.server(
    { ...farm.options(), protocols: ['json', 'msgpack'], signalr: true, ...options },
    {},
    gateway,
  );
}

/** A client whose session waits for it. */
export interface AwayClient {
  readonly client: RawHubClient;
  /** The server's object for it. */
  readonly connection: BackplaneConnection;
}

/** Connects a client with stateful reconnect, as the server's only client. Its socket is then lost. */
export async function clientThatIsAway(
  farm: TestFarm,
  server: ChatServer,
  options: RawHubOptions = {},
  prepare: (client: RawHubClient) => unknown = () => undefined,
): Promise<AwayClient> {
  const client = await RawHubClient.open(farm, server.port, { ...options, isStateful: true });
  await prepare(client);
  const connection = onlyHubConnection(server);
  client.socket.terminate();
  await socketLost(connection);
  return { client, connection };
}

/** Resolves when the server has lost the socket of a connection. */
export async function socketLost({ socket }: BackplaneConnection): Promise<void> {
  await expect.poll(() => socket.readyState).toBe(WebSocket.CLOSED);
}

/** The server's object for its only connection to the hub. */
export function onlyHubConnection({ broadcaster }: ChatServer): BackplaneConnection {
  const [connection, ...others] = broadcaster.gateway('/hub').localConnections;
  if (!connection || others.length > 0) throw new Error('Expected exactly one connection to the hub.');
  return connection;
}

/** An invocation, whose completion the client can wait for. */
export function invocation(id: string, target: string, ...args: unknown[]): object {
  return { type: 1, invocationId: id, target, arguments: args };
}

/** A call that asks for a stream. */
export function streamInvocation(id: string, target: string, ...args: unknown[]): object {
  return { ...invocation(id, target, ...args), type: 4 };
}
