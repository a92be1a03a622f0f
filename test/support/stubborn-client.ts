import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { expect } from 'vitest';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Deferred } from '../../lib/bus/deferred.js';
import { ConnectionClosedError, ConnectionNotFoundError } from '../../lib/routing/request.errors.js';
import { rejection } from './acceptance.js';
import type { ChatServer } from './chat-app.js';
import { eventually } from './observe.js';
import { closeFrame, eventFrame, RawClient } from './raw-client.js';
import { onlyConnection, type TestFarm } from './test-farm.js';

@WebSocketGateway({ path: '/chat' })
export class ClosingGateway {
  readonly handled: unknown[] = [];
  readonly disconnects: number[] = [];
  readonly groupsAtDisconnect: string[][] = [];
  /** What the first connection's hook does. */
  onConnection: () => unknown = () => undefined;
  /** Handlers of `wait` end with it. */
  readonly release = new Deferred();

  handleConnection(): unknown {
    return this.onConnection();
  }

  handleDisconnect(client: BackplaneConnection, code: number): void {
    this.disconnects.push(code);
    this.groupsAtDisconnect.push([...client.groups]);
  }

  @SubscribeMessage('id')
  id(@ConnectedSocket() client: BackplaneConnection) {
    return { event: 'id', data: client.id };
  }

  @SubscribeMessage('note')
  note(@MessageBody() data: unknown) {
    this.handled.push(data);
    return { event: 'noted', data };
  }

  @SubscribeMessage('wait')
  async wait(@MessageBody() data: unknown) {
    this.handled.push(data);
    await this.release.promise;
    return { event: 'waited', data };
  }
}

/** A client that answers no close frame, so that `ws` keeps its socket for two seconds. */
export interface Stubborn {
  readonly server: ChatServer;
  readonly gateway: ClosingGateway;
  readonly client: RawClient;
  readonly connection: BackplaneConnection;
}

/** Connects one to `/chat`, as its only client. */
export async function connectStubborn(farm: TestFarm, server: ChatServer): Promise<Stubborn> {
  const client = await RawClient.ask(server, '/chat?user=u');
  farm.onEnd(() => client.socket.destroy());
  await client.until('\r\n\r\n');
  const gateway = server.app.get(ClosingGateway);
  return { server, gateway, client, connection: onlyConnection(server) };
}

/** Resolves when the client has the server's close frame with this code. */
export function closed(client: RawClient, code: number): Promise<void> {
  const bytes = String.fromCharCode(code >> 8, code & 0xff);
  return eventually(() => {
    const at = client.received.lastIndexOf(bytes);
    expect(at).toBeGreaterThan(1);
    expect(client.received[at - 2]).toBe('\x88');
  });
}

/** That nobody reaches the connection, while its socket is still there. */
export async function expectNobody({ server, connection }: Stubborn): Promise<void> {
  const { broadcaster } = server;
  const own = broadcaster.gateway('/chat');
  expect([...own.localConnections]).toEqual([]);
  expect([...connection.groups]).toEqual([]);
  const nobody = { local: 0, backplane: 'notNeeded' };
  expect(await own.local.emit('late')).toEqual(nobody);
  expect(await own.local.group('g').emit('late')).toEqual(nobody);
  expect(await own.local.user('u').emit('late')).toEqual(nobody);
  expect(await own.connection(connection.id).emit('late')).toEqual(nobody);
  expect(await connection.emit('late')).toEqual(nobody);
  expect(await connection.emit('exception', 'late')).toEqual(nobody);
  await rejection(connection.join('late'), ConnectionClosedError);
  await connection.leave('g');
  await rejection(connection.invoke('late'), ConnectionNotFoundError);
  const target = own.connection(connection.id);
  await rejection(target.join('late'), ConnectionNotFoundError);
  await rejection(target.leave('g'), ConnectionNotFoundError);
  await rejection(target.disconnect(), ConnectionNotFoundError);
  connection.close(4999);
}

/** That what the client sends now reaches nobody, and that it gets nothing. */
export async function expectDeaf(
  { server, gateway, client }: Stubborn,
  handled: unknown[] = [],
): Promise<void> {
  for (let index = 0; index < 100; index++) client.write(eventFrame('note', `late ${index}`));
  const received = client.received.length;
  // The socket of `ws` reads in order: with the answer to the close frame it is gone.
  client.write(closeFrame());
  await client.closed;
  await eventually(() => expect(gateway.disconnects).toHaveLength(1));
  expect(gateway.handled).toEqual(handled);
  expect(client.received).toHaveLength(received);
  expect(client.received).not.toContain('late');
  expect(server.backplane.counters.connections).toBe(0);
}
