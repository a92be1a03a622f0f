import type { BeforeApplicationShutdown } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { Deferred } from '../../lib/bus/deferred.js';
import { useTestFarm } from '../support/test-farm.js';
import { passedCode } from '../support/nest-release.js';

@WebSocketGateway({ path: '/chat' })
class ClosingGateway implements BeforeApplicationShutdown {
  @WebSocketServer() private readonly server!: Broadcaster;
  readonly connected = new Deferred();
  readonly disconnected = new Deferred<number>();

  handleDisconnect(_client: unknown, code: number): void {
    this.disconnected.resolve(code);
  }

  @SubscribeMessage('kick')
  kick(): void {
    for (const client of this.server.localConnections) {
      void client.emit('kicked');
      client.close(4001, 'enough');
    }
  }

  beforeApplicationShutdown(): void {
    void this.server.emit('goodbye');
  }
}

const farm = useTestFarm();

describe('when the app closes', () => {
  it('every client is closed with 1001, and no connection remains', async () => {
    const server = await farm.server();
    const clients = [await farm.client(server), await farm.client(server), await farm.client(server)];

    await server.app.close();

    for (const { closed } of clients) expect(await closed).toMatchObject({ code: 1001 });
    expect([...server.broadcaster.gateway('/chat').localConnections]).toEqual([]);
  });

  it('an emit in beforeApplicationShutdown reaches the local clients before the close', async () => {
    const server = await farm.server(farm.options(), {}, ClosingGateway);
    const client = await farm.client(server);

    await server.app.close();

    expect(await client.closed).toMatchObject({ code: 1001 });
    expect(client.received).toEqual([{ event: 'goodbye' }]);
  });

  it('an emit in beforeApplicationShutdown reaches the clients of other servers', async () => {
    const [leaving, staying] = [await farm.server(farm.options(), {}, ClosingGateway), await farm.server()];
    const client = await farm.client(staying);

    await leaving.app.close();

    await client.next('goodbye');
  });

  it('a client that does not answer the close is disconnected, and new clients are refused', async () => {
    const server = await farm.server();
    const unresponsive = await farm.client(server);
    unresponsive.socket.pause();

    const closing = server.app.close();

    // Until the paths begin to close, clients are still admitted.
    let refusal: Error | undefined;
    while (!refusal) {
      const late = await farm.client(server).catch((error: unknown) => error as Error);
      if (late instanceof Error) refusal = late;
      else await late.close();
    }
    expect(refusal.message).toContain('503');
    await closing;
    unresponsive.socket.resume();
    expect(await unresponsive.closed).toMatchObject({ code: 1001 });
  });

  it('a second close does nothing', async () => {
    const server = await farm.server();
    await server.app.close();
    await server.app.close();
    expect(server.backplane.status).toEqual({ state: 'closed' });
  });
});

describe('when a connection closes', () => {
  it('on the client side, handleDisconnect gets the code, and emits skip the connection', async () => {
    const server = await farm.server(farm.options(), {}, ClosingGateway);
    const client = await farm.client(server);

    client.socket.close(4000);

    expect(await server.app.get(ClosingGateway).disconnected.promise).toBe(passedCode(4000));
    expect([...server.broadcaster.localConnections]).toEqual([]);
    expect(await server.broadcaster.emit('x')).toMatchObject({ local: 0 });
  });

  it('on the server side, the client gets earlier emits, then the code and the reason', async () => {
    const server = await farm.server(farm.options(), {}, ClosingGateway);
    const client = await farm.client(server);

    client.send('kick');

    expect(await client.closed).toEqual({ code: 4001, reason: 'enough' });
    expect(client.received).toEqual([{ event: 'kicked' }]);
  });
});
