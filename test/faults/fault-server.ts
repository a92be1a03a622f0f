import type { AddressInfo } from 'node:net';
import { Module, type NestApplicationOptions, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Redis } from 'ioredis';
import {
  BackplaneConnection,
  Broadcaster,
  type RedisBackplaneOptions,
  RedisBackplaneModule,
} from 'nestjs-redis-backplane';
import { endWithParent } from '../servers/serve.js';
import { now } from './clock.js';
import type { Order, ServerSettings } from './messages.js';
import { becomeRelease } from './releases.js';
import { switchOff } from './switched-off.js';
import { Witness } from './witness.js';

// A server process of the fault bench, started by Farm. Clients identify themselves with `?client=&user=`.

endWithParent();

const settings = JSON.parse(process.env.FAULT_SERVER ?? '') as ServerSettings;
const witness = new Witness(settings.index);

interface Who {
  readonly client: number;
}

@WebSocketGateway({ path: '/fault' })
class FaultGateway {
  @SubscribeMessage('join')
  async join(@ConnectedSocket() client: BackplaneConnection<Who>, @MessageBody() group: string) {
    try {
      await client.join(group);
    } catch {
      return false;
    }
    witness.step({ client: client.data.client, group, at: now(), what: 'joined' });
    return true;
  }

  @SubscribeMessage('leave')
  async leave(@ConnectedSocket() client: BackplaneConnection<Who>, @MessageBody() group: string) {
    witness.step({ client: client.data.client, group, at: now(), what: 'leaving' });
    await client.leave(group);
    return true;
  }

  @SubscribeMessage('id')
  id(@ConnectedSocket() { id }: BackplaneConnection) {
    return id;
  }
}

@Module({ imports: [RedisBackplaneModule.forRoot(options(settings))], providers: [FaultGateway] })
class FaultModule implements OnApplicationShutdown {
  onApplicationShutdown(): void {
    witness.leave();
  }
}

function options(server: ServerSettings): RedisBackplaneOptions {
  const { connection, publisherPort, subscriberPort, prefix, abortConnect } = server;
  const links: Pick<RedisBackplaneOptions, 'connectionFactory'> = {
    connectionFactory: (role, required) =>
      new Redis({ ...required, port: role === 'publisher' ? publisherPort : subscriberPort }),
  };
  return {
    connection,
    ...(publisherPort === subscriberPort ? {} : links),
    channelPrefix: prefix,
    abortConnect,
    outage: server.policy === 'buffer' ? { buffer: {} } : server.policy,
    // Longer than it takes to detect a dead server, so an earlier rejection can only come from that detection.
    commandTimeout: 20_000,
    invokeTimeout: 20_000,
    authenticate: ({ url = '/' }) => {
      const query = new URL(url, 'ws://server').searchParams;
      return { userId: query.get('user') ?? '', data: { client: Number(query.get('client')) } };
    },
  };
}

await switchOff(settings.without);
await becomeRelease(settings.release);
const quiet: NestApplicationOptions = { logger: false, abortOnError: false };
const app = await NestFactory.create(FaultModule, quiet).catch(refuse);
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1').catch(refuse);
witness.watch(app.get(Broadcaster), app);
process.on('message', (order: Order) => witness.obey(order));
const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
witness.listening(port);

/** Prints the bootstrap error to stderr and exits with 1. */
function refuse(error: unknown): never {
  console.error(error);
  process.exit(1);
}
