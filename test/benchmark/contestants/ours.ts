import 'reflect-metadata';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type OnGatewayConnection,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { type BackplaneConnection, Broadcaster, RedisBackplaneModule } from 'nestjs-redis-backplane';
import { SIGNALR_QUERY } from '../load-socket.js';
import { EVENT } from '../message.js';
import { Connected, type ContestantServer, groupsOf, indexOf, type ServerPlan } from './contestant.js';

const URL_PATH = '/bench';

@WebSocketGateway({ path: URL_PATH })
class ListeningGateway {
  @WebSocketServer() readonly server!: Broadcaster;

  @SubscribeMessage('echo')
  echo(): string {
    return 'echo';
  }
}

function greetingGateway(plan: ServerPlan, connected: Connected): Type<ListeningGateway> {
  @WebSocketGateway({ path: URL_PATH })
  class GreetingGateway extends ListeningGateway implements OnGatewayConnection<BackplaneConnection> {
    async handleConnection(client: BackplaneConnection, request: IncomingMessage): Promise<void> {
      const index = indexOf(request.url);
      await Promise.all(groupsOf(index, plan).map((group) => client.join(group)));
      connected.add(index, client.id);
    }
  }
  return GreetingGateway;
}

/** A normal Nest app with the module and a gateway. */
export function startOurs(plan: ServerPlan): Promise<ContestantServer> {
  return start(plan, URL_PATH, false);
}

/** The same, for clients that send the handshake of SignalR. */
export function startSignalR(plan: ServerPlan): Promise<ContestantServer> {
  return start(plan, `${URL_PATH}?${SIGNALR_QUERY}`, true);
}

async function start(plan: ServerPlan, urlPath: string, isSignalR: boolean): Promise<ContestantServer> {
  const connected = new Connected();
  const Gateway = plan.greets ? greetingGateway(plan, connected) : ListeningGateway;

  @Module({
    imports: [
      RedisBackplaneModule.forRoot({
        connection: plan.redisUrl,
        abortConnect: true,
        ...(isSignalR && { channelPrefix: 'signalr', signalr: { skipNegotiation: true } }),
      }),
    ],
    providers: [Gateway],
  })
  class BenchModule {}

  const app = await NestFactory.create(BenchModule, { logger: ['error'] });
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  const { server } = app.get(Gateway);
  return {
    port,
    urlPath,
    emit: {
      all: (_target, data) => server.emit(EVENT, data),
      group: (name, data) => server.group(name).emit(EVENT, data),
      connection: (id, data) => server.connection(id).emit(EVENT, data),
    },
    connected: (count) => connected.until(count),
    join: (id, group) => server.connection(id).join(group),
    leave: (id, group) => server.connection(id).leave(group),
  };
}
