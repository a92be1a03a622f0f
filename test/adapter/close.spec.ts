import type { BeforeApplicationShutdown } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { Deferred } from '../../lib/bus/deferred.js';
import { useTestFarm } from '../support/test-farm.js';

@WebSocketGateway({ path: '/chat' })
class FarewellGateway implements BeforeApplicationShutdown {
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
    void this.server.emit('farewell');
  }
}

const farm = useTestFarm();

describe('when the app closes', () => {
  it('every client sees 1001, on every path, and nobody is left', async () => {
    const server = await farm.server();
    const clients = [await farm.client(server), await farm.client(server), await farm.client(server)];

    await server.app.close();

    for (const { closed } of clients) expect(await closed).toMatchObject({ code: 1001 });
    expect([...server.broadcaster.gateway('/chat').localConnections]).toEqual([]);
  });

  it('what was emitted last arrives before that', async () => {
    const server = await farm.server(farm.options(), {}, FarewellGateway);
    const client = await farm.client(server);

    await server.app.close();

    expect(await client.closed).toMatchObject({ code: 1001 });
    expect(client.received).toEqual([{ event: 'farewell' }]);
  });

  it('what was emitted last arrives at the clients of the other servers', async () => {
    const [leaving, staying] = [await farm.server(farm.options(), {}, FarewellGateway), await farm.server()];
    const client = await farm.client(staying);

    await leaving.app.close();

    await client.next('farewell');
  });

  it('a client that does not answer is cut off, and who comes meanwhile is refused', async () => {
    const server = await farm.server();
    const deaf = await farm.client(server);
    deaf.socket.pause();

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
    deaf.socket.resume();
    expect(await deaf.closed).toMatchObject({ code: 1001 });
  });

  it('closing again does nothing', async () => {
    const server = await farm.server();
    await server.app.close();
    await server.app.close();
    expect(server.backplane.status).toEqual({ state: 'closed' });
  });
});

describe('when a connection closes', () => {
  it('from the client, its code reaches handleDisconnect, and it is nobody any more', async () => {
    const server = await farm.server(farm.options(), {}, FarewellGateway);
    const client = await farm.client(server);

    client.socket.close(4000);

    expect(await server.app.get(FarewellGateway).disconnected.promise).toBe(4000);
    expect([...server.broadcaster.localConnections]).toEqual([]);
    expect(await server.broadcaster.emit('x')).toMatchObject({ local: 0 });
  });

  it('from the server, the client has what was emitted before, then code and reason', async () => {
    const server = await farm.server(farm.options(), {}, FarewellGateway);
    const client = await farm.client(server);

    client.send('kick');

    expect(await client.closed).toEqual({ code: 4001, reason: 'enough' });
    expect(client.received).toEqual([{ event: 'kicked' }]);
  });
});
