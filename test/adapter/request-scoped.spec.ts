import { Inject, Injectable, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { startOurs, startPlain } from '../support/adapters.js';
import { useTestFarm } from '../support/test-farm.js';
import { IS_NEST_11 } from '../support/nest-release.js';

let created = 0;

interface Visited {
  readonly visit: number;
  readonly data: unknown;
  readonly hasRequest: boolean;
}

/** Numbers its instances. Nest creates one per client because the "request" of a gateway is its client. */
@Injectable({ scope: Scope.REQUEST })
class Visit {
  readonly number = ++created;
}

@WebSocketGateway({ path: '/chat' })
class VisitGateway {
  @WebSocketServer() private readonly server!: Broadcaster;

  constructor(
    private readonly visit: Visit,
    @Inject(REQUEST) private readonly request: { readonly client?: unknown } | undefined,
  ) {}

  handleConnection(client: Partial<BackplaneConnection<{ name?: string }>>): void {
    if (client.data?.name === 'unwanted') throw new Error('this gateway fails');
  }

  @SubscribeMessage('visit')
  visited(@MessageBody() data: unknown) {
    const visited: Visited = { visit: this.visit.number, data, hasRequest: this.request !== undefined };
    return { event: 'visited', data: visited };
  }

  @SubscribeMessage('shout')
  shout(@MessageBody() text: string) {
    return this.server.emit('shouted', text);
  }
}

const farm = useTestFarm();

const start = () => {
  const authenticate = ({ url = '' }) => ({
    data: { name: new URL(url, 'ws://x').searchParams.get('name') },
  });
  return startOurs(farm, { authenticate }, VisitGateway, Visit);
};

// Nest 11 gives a gateway no request-scoped dependencies.
describe.runIf(!IS_NEST_11)('a request-scoped gateway', () => {
  it.each([
    ['on RedisBackplaneAdapter', start],
    ['on WsAdapter', () => startPlain(farm, VisitGateway, Visit)],
  ])('serves each client with its own instance %s', async (_name, startServer) => {
    const server = await startServer();
    const [client, other] = [await farm.client(server), await farm.client(server)];
    client.send('visit', 'a');
    client.send('visit', 'b');
    other.send('visit', 'c');

    await Promise.all([client.count('visited', 2), other.count('visited', 1)]);

    const [first, second, third] = [...client.dataOf('visited'), ...other.dataOf('visited')] as Visited[];
    expect([first?.data, second?.data, third?.data]).toEqual(['a', 'b', 'c']);
    expect(first).toMatchObject({ hasRequest: true, visit: second?.visit });
    expect(third?.visit).not.toBe(first?.visit);
  });

  it('has a broadcaster in its @WebSocketServer() property', async () => {
    const client = await farm.client(await start());
    client.send('shout', 'hi');
    expect((await client.next('shouted')).data).toBe('hi');
  });

  it('whose handleConnection throws closes only that client, with 1011, and no error escapes', async () => {
    const server = await start();
    const escaped = farm.escapes();

    const unwanted = await farm.client(server, '/chat?name=unwanted');

    expect(await unwanted.closed).toMatchObject({ code: 1011 });
    const client = await farm.client(server);
    client.send('visit');
    await client.next('visited');
    expect(escaped).toEqual([]);
  });
});
