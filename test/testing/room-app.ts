import type { IncomingMessage } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayConnection,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from '@nestjs/websockets';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { connectTestClient, type TestClient } from '../../lib/testing/index.js';
import type { TestFarm } from '../support/test-farm.js';

export interface RoomEvents {
  welcome: { protocol: string };
  said: string;
  confirm: string;
}

@WebSocketGateway({ path: '/room' })
export class RoomGateway implements OnGatewayConnection {
  @WebSocketServer() readonly server!: Broadcaster<RoomEvents>;

  async handleConnection(client: BackplaneConnection): Promise<void> {
    await client.emit('welcome', { protocol: client.socket.protocol });
  }

  @SubscribeMessage('say')
  say(@MessageBody() text: string) {
    return this.server.emit('said', text);
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return { event: 'echo', data };
  }

  @SubscribeMessage('fail')
  fail(): never {
    throw new WsException('not like that');
  }

  @SubscribeMessage('stall')
  stall() {
    return new Promise(() => undefined);
  }

  @SubscribeMessage('ask')
  async ask(@ConnectedSocket() client: BackplaneConnection, @MessageBody() question: string) {
    return { event: 'asked', data: await client.invoke('confirm', question) };
  }

  @SubscribeMessage('go')
  go(@ConnectedSocket() client: BackplaneConnection) {
    client.close(4001, 'gone');
  }

  @SubscribeMessage('odd')
  odd() {
    return 'not a message';
  }
}

/** Admits clients with a token, a header or a query parameter. */
export const authenticate = (request: IncomingMessage): object | null => {
  const { authorization, 'x-name': name } = request.headers;
  return authorization === 'Bearer secret' || name === 'ada' || request.url?.includes('as=ada') ? {} : null;
};

/** Apps with a `RoomGateway`, and clients of them, which end with the farm. */
export class Rooms {
  constructor(private readonly farm: TestFarm) {}

  app(options = {}, gateway = RoomGateway): Promise<INestApplication> {
    return this.farm.app({
      imports: [RedisBackplaneModule.forRoot({ ...this.farm.options(), ...options })],
      providers: [gateway],
    });
  }

  async connect(
    server: INestApplication | string,
    ...rest: [path?: string, options?: Parameters<typeof connectTestClient>[2]]
  ): Promise<TestClient<RoomEvents>> {
    const client = await connectTestClient<RoomEvents>(server, ...rest);
    this.farm.onEnd(() => client.close());
    return client;
  }
}
