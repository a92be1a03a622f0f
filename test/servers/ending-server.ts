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

// A server that is closed at its parent's word, with clients in every state. It says what is left then, and how calls
// end that come too late; from then on nothing may keep the process.

/** What the server sends to its parent when `app.close()` has resolved. */
export interface EndReport {
  /** What keeps the process running, but for the channel to the parent. */
  readonly resources: readonly string[];
  /** How the calls ended that were made before and still waited: by name, the error's name, or `resolved`. */
  readonly pending: Readonly<Record<string, string>>;
  /** The same of those made after the end, each within a turn of the loop or two. */
  readonly late: Readonly<Record<string, string>>;
}

const HOUR_MS = 3_600_000;
/** No server of the farm has this id. */
const ABSENT = 'AAAAAAAAAAAA.BBBBBBBBBBBB';
/** A late call that has not ended by then has not ended at once. */
const AT_ONCE_MS = 200;
/** The channel to the parent, and what the process inherited. */
const PARENTS = ['PipeWrap', 'TTYWrap'];
const TURNS = 20;

const query = (url = '/'): URLSearchParams => new URL(url, 'ws://server').searchParams;
const never = (): Promise<never> => new Promise(() => undefined);

/** How each of the calls ended; `pending` if it has not. */
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

  /** Begins everything that waits for someone: this client, all clients, a server that is not there. */
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

/** What was closed is gone some turns of the loop later. */
async function resourcesLeft(): Promise<string[]> {
  for (let turns = 0; ; turns++) {
    const left = process.getActiveResourcesInfo().filter((name) => !PARENTS.includes(name));
    if (left.length === 0 || turns === TURNS) return left;
    await new Promise((resolve) => setTimeout(resolve, 1).unref());
  }
}

/** Everything that a careless caller may still call. */
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
