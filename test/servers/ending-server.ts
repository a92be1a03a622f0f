import { Module } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayConnection,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { BackplaneConnection, Broadcaster, RedisBackplaneModule } from 'nestjs-redis-backplane';
import { endWithParent, serve } from './serve.js';

// A server that closes when its parent tells it to, while clients are in every state. It reports which resources are
// left and how late calls end. After that nothing may keep the process alive.

/** What the server sends to its parent when `app.close()` has resolved. */
export interface EndReport {
  /** What keeps the process alive, except the channel to the parent. */
  readonly resources: readonly string[];
  /** How calls that were pending at the close ended, by name: `resolved`, `pending` or the error's name. */
  readonly pending: Readonly<Record<string, string>>;
  /** The same for calls made after the close. */
  readonly late: Readonly<Record<string, string>>;
}

const HOUR_MS = 3_600_000;
/** The id of a connection on a server that does not exist. */
const ABSENT = 'AAAAAAAAAAAA.BBBBBBBBBBBB';
/** A late call must end within this time to count as failing fast. */
const AT_ONCE_MS = 200;
/** The handles of the channel to the parent and of the inherited stdio. */
const PARENTS = ['PipeWrap', 'TTYWrap'];
const TURNS = 20;

const query = (url = '/'): URLSearchParams => new URL(url, 'ws://server').searchParams;
const never = (): Promise<never> => new Promise(() => undefined);

/** Records how calls ended. */
class Calls {
  readonly ends: Record<string, string> = {};

  note(name: string, call: () => Promise<unknown>): void {
    this.ends[name] = 'pending';
    call().then(
      () => (this.ends[name] = 'resolved'),
      (error: unknown) => (this.ends[name] = error instanceof Error ? error.name : String(error)),
    );
  }
}

const calls = new Calls();

@WebSocketGateway({ path: '/chat' })
class EndingGateway implements OnGatewayConnection {
  @WebSocketServer() readonly server!: Broadcaster;
  readonly clients: BackplaneConnection[] = [];

  handleConnection(client: BackplaneConnection, request: { url?: string }): Promise<void> | undefined {
    this.clients.push(client);
    return query(request.url).has('hook') ? never() : undefined;
  }

  @SubscribeMessage('join')
  async join(@ConnectedSocket() client: BackplaneConnection, @MessageBody() group: string) {
    await client.join(group);
    return { event: 'joined', data: group };
  }

  @SubscribeMessage('leave')
  async leave(@ConnectedSocket() client: BackplaneConnection, @MessageBody() group: string) {
    await client.leave(group);
    return { event: 'left', data: group };
  }

  /** Starts requests that stay pending: to this client, to all clients, to a server that does not exist. */
  @SubscribeMessage('wait')
  wait(@ConnectedSocket() client: BackplaneConnection) {
    const { server } = this;
    const absent = server.connection(ABSENT);
    const options = { timeout: HOUR_MS };
    calls.note('invoke of a client', () => client.invoke('question', undefined, options));
    calls.note('invokeAll', () => server.invokeAll('question', undefined, options));
    calls.note('invoke of an absent server', () => absent.invoke('question', undefined, options));
    calls.note('command to an absent server', () => absent.join('group'));
    return { event: 'waiting', data: null };
  }
}

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      connection: process.env.FARM_CONNECTION ?? '',
      channelPrefix: process.env.FARM_PREFIX ?? '',
      shutdownTimeout: Number(process.env.SHUTDOWN_TIMEOUT ?? 5000),
      limits: { admissionTime: HOUR_MS },
      authenticate: ({ url }) => {
        const asked = query(url);
        if (asked.has('auth')) return never();
        const userId = asked.get('user');
        return { ...(userId !== null && { userId }), expiresAt: new Date(Date.now() + HOUR_MS) };
      },
    }),
  ],
  providers: [EndingGateway],
})
class EndingModule {}

const app = await serve(EndingModule, { logLevels: false });
endWithParent();
const gateway = app.get(EndingGateway);

/** Waits a few event loop turns, because closed handles disappear only then. */
async function resourcesLeft(): Promise<string[]> {
  for (let turns = 0; ; turns++) {
    const left = process.getActiveResourcesInfo().filter((name) => !PARENTS.includes(name));
    if (left.length === 0 || turns === TURNS) return left;
    await new Promise((resolve) => setTimeout(resolve, 1).unref());
  }
}

/** Makes all the calls that an app may still make after the close. */
async function callLate(): Promise<Record<string, string>> {
  const late = new Calls();
  const { server, clients } = gateway;
  const [client] = clients;
  late.note('emit', () => server.emit('late'));
  late.note('emit to a group', () => server.group('g').emit('late'));
  late.note('command', () => server.group('g').join('h'));
  late.note('command to an absent server', () => server.connection(ABSENT).join('h'));
  late.note('invoke of an absent server', () => server.connection(ABSENT).invoke('late'));
  late.note('invokeAll', () => server.invokeAll('late'));
  if (client) {
    late.note('join of a client', () => client.join('late'));
    late.note('invoke of a client', () => client.invoke('late'));
  }
  const ends = performance.now() + AT_ONCE_MS;
  while (performance.now() < ends && Object.values(late.ends).includes('pending'))
    await new Promise((resolve) => setImmediate(resolve));
  return late.ends;
}

process.once('message', () => {
  void app.close().then(async () => {
    const report: EndReport = {
      resources: await resourcesLeft(),
      pending: { ...calls.ends },
      late: await callLate(),
    };
    process.send?.(report, () => {
      process.removeAllListeners('disconnect');
      process.disconnect();
    });
  });
});
