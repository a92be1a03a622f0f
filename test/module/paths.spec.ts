import { createServer, type AddressInfo } from 'node:net';
import type { Type } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { PathRequiredError } from '../../lib/broadcast/broadcast.errors.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { ChatGateway } from '../support/chat.gateway.js';
import { join, useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

@WebSocketGateway({ path: '/news' })
class NewsGateway {
  @WebSocketServer() readonly server!: Broadcaster;

  @SubscribeMessage('join')
  async join(@ConnectedSocket() client: BackplaneConnection, @MessageBody() group: string) {
    await client.join(group);
    return { event: 'joined', data: group };
  }
}

/** A second gateway on the path of `ChatGateway`. */
@WebSocketGateway({ path: '/chat' })
class ModeratorGateway {
  @WebSocketServer() readonly server!: Broadcaster;
  readonly seen: string[] = [];

  handleConnection(client: BackplaneConnection): void {
    this.seen.push(`+${client.id}`);
  }

  handleDisconnect(client: BackplaneConnection): void {
    this.seen.push(`-${client.id}`);
  }

  @SubscribeMessage('warn')
  warn(@MessageBody() text: string) {
    return this.server.emit('warned', text);
  }
}

const farm = useTestFarm();

/** A free port. A gateway's port is an argument of its decorator, so it must be known before the app starts. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const withGateways = (...providers: Type[]) => farm.server(farm.options(), { providers });

describe('gateways on several paths', () => {
  async function twoPaths() {
    const [near, far] = [await withGateways(NewsGateway), await withGateways(NewsGateway)];
    const clients = {
      chatNear: await farm.client(near, '/chat'),
      newsNear: await farm.client(near, '/news'),
      chatFar: await farm.client(far, '/chat'),
      newsFar: await farm.client(far, '/news'),
    };
    for (const client of Object.values(clients)) await join(client, 'g');
    return { near, clients };
  }

  /** The data of the event `hi` that each client received, after a final event to each path. */
  async function received(broadcaster: Broadcaster, clients: Record<string, WsClient>) {
    for (const path of ['/chat', '/news']) await broadcaster.gateway(path).emit('end');
    await Promise.all(Object.values(clients).map((client) => client.next('end')));
    return Object.fromEntries(Object.entries(clients).map(([name, client]) => [name, client.dataOf('hi')]));
  }

  it('are isolated, both for emits to all and for groups of the same name', async () => {
    const { near, clients } = await twoPaths();

    await near.gateway.server.emit('hi', 'chat');
    await near.app.get(NewsGateway).server.emit('hi', 'news');
    await near.gateway.server.group('g').emit('hi', 'chat group');
    await near.app.get(NewsGateway).server.group('g').emit('hi', 'news group');

    const [chat, news] = [
      ['chat', 'chat group'],
      ['news', 'news group'],
    ];
    expect(await received(near.broadcaster, clients)).toEqual({
      chatNear: chat,
      chatFar: chat,
      newsNear: news,
      newsFar: news,
    });
  });

  it('can be named by class and by path, from any broadcaster', async () => {
    const { near, clients } = await twoPaths();

    await near.broadcaster.gateway(ChatGateway).emit('hi', 'class');
    await near.broadcaster.gateway('/chat').emit('hi', 'path');
    await near.broadcaster.gateway('chat/').emit('hi', 'path with other slashes');
    await near.app.get(NewsGateway).server.gateway(ChatGateway).group('g').emit('hi', 'other broadcaster');

    const hi = ['class', 'path', 'path with other slashes', 'other broadcaster'];
    expect(await received(near.broadcaster, clients)).toEqual({
      chatNear: hi,
      chatFar: hi,
      newsNear: [],
      newsFar: [],
    });
  });

  it('cannot reach the connection id of another path', async () => {
    const { near, clients } = await twoPaths();
    const [news] = near.app.get(NewsGateway).server.localConnections;
    expect(await near.gateway.server.connection(news?.id ?? '').emit('hi')).toMatchObject({ local: 0 });
    expect(await received(near.broadcaster, clients)).toMatchObject({ newsNear: [] });
  });

  it('make an injected broadcaster require a path', async () => {
    const { broadcaster } = await withGateways(NewsGateway);
    await expect(broadcaster.emit('hi')).rejects.toThrow(PathRequiredError);
    await expect(broadcaster.emit('hi')).rejects.toThrow(
      /gateways on \/\w+, \/\w+\. Use broadcaster\.gateway\(/,
    );
  });
});

it('an injected broadcaster needs no path if there is only one, and lists local connections', async () => {
  const server = await farm.server();
  await farm.client(server);
  await farm.client(await farm.server());
  expect(await server.broadcaster.emit('hi')).toEqual({ local: 1, backplane: 'accepted' });
  expect([...server.broadcaster.localConnections].map(({ id }) => id.split('.')[0])).toEqual([
    server.backplane.serverId,
  ]);
});

it('gateways on one path share its connections, and each has its own handlers and hooks', async () => {
  const server = await withGateways(ModeratorGateway);
  const [client, other] = [await farm.client(server), await farm.client(server)];

  client.send('say', 'a');
  client.send('warn', 'b');

  await Promise.all([client, other].flatMap((each) => [each.count('said', 1), each.count('warned', 1)]));
  expect(client.received).toEqual([
    { event: 'said', data: 'a' },
    { event: 'warned', data: 'b' },
  ]);
  const [first, second] = [...server.broadcaster.localConnections].map(({ id }) => id);
  const gone = new Promise((resolve) =>
    [...server.broadcaster.localConnections][1]?.socket.once('close', resolve),
  );
  await other.close();
  await gone;
  expect(server.app.get(ModeratorGateway).seen).toEqual([`+${first}`, `+${second}`, `-${second}`]);
});

describe('a gateway with its own port', () => {
  it('is reachable there and nowhere else, and closes with the app', async () => {
    const port = await freePort();
    @WebSocketGateway(port, { path: '/own' })
    class OwnPortGateway {
      @WebSocketServer() readonly server!: Broadcaster;
    }
    const server = await withGateways(OwnPortGateway);
    const own = await farm.client({ port }, '/own');
    const chat = await farm.client(server);
    await expect(farm.client(server, '/own')).rejects.toThrow('404');
    await expect(farm.client({ port }, '/chat')).rejects.toThrow('404');
    expect((await fetch(`http://127.0.0.1:${port}/own`)).status).toBe(426);

    await server.broadcaster.gateway(OwnPortGateway).emit('hi', 'class');
    await server.broadcaster.gateway(`${port}/own`).emit('hi', 'path');
    await server.app.get(OwnPortGateway).server.emit('hi', 'own');
    await server.broadcaster.gateway('/own').emit('hi', 'another path');
    await server.broadcaster.gateway('/chat').emit('end');

    await own.count('hi', 3);
    await chat.next('end');
    expect(chat.dataOf('hi')).toEqual([]);
    expect(own.dataOf('hi')).toEqual(['class', 'path', 'own']);
    await server.app.close();
    expect(await own.closed).toMatchObject({ code: 1001 });
    await expect(farm.client({ port }, '/own')).rejects.toThrow('ECONNREFUSED');
  });

  it('may share the port with another gateway, and needs no path', async () => {
    const port = await freePort();
    @WebSocketGateway(port)
    class RootGateway {}
    @WebSocketGateway(port, { path: '/more' })
    class MoreGateway {}
    const server = await withGateways(RootGateway, MoreGateway);
    const [root, more] = [await farm.client({ port }, ''), await farm.client({ port }, '/more')];
    await server.broadcaster.gateway(RootGateway).emit('hi', 'root');
    await server.broadcaster.gateway(MoreGateway).emit('hi', 'more');
    expect([(await root.next('hi')).data, (await more.next('hi')).data]).toEqual(['root', 'more']);
  });

  it('stops bootstrap if the port is in use', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    farm.onEnd(() => taken.close());
    @WebSocketGateway((taken.address() as AddressInfo).port, { path: '/own' })
    class TakenPortGateway {}
    const imports = [RedisBackplaneModule.forRoot(farm.options())];
    const app = await farm.app({ imports, providers: [TakenPortGateway] });
    await expect(app.init()).rejects.toThrow('EADDRINUSE');
  });
});
