import { WebSocketGateway } from '@nestjs/websockets';
import { beforeEach, describe, expect, it } from 'vitest';
import { InvalidPathError } from '../../lib/broadcast/broadcast.errors.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { listen, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

let warnings: string[];
beforeEach(() => (warnings = []));

async function bootstrap(options: object): Promise<void> {
  class ChatGateway {
    readonly options = options;
  }
  WebSocketGateway(options)(ChatGateway);
  @WebSocketGateway({ path: '/innocent' })
  class InnocentGateway {}
  const logger = {
    log: () => undefined,
    error: () => undefined,
    warn: (text: string) => warnings.push(text),
  };
  const app = await farm.app({
    imports: [RedisBackplaneModule.forRoot({ ...farm.options(), logger })],
    providers: [InnocentGateway, ChatGateway],
  });
  await listen(app);
}

const failureOf = (options: object): Promise<unknown> =>
  bootstrap(options).catch((reason: unknown) => reason);

describe('a gateway with an invalid path', () => {
  it.each<[name: string, options: object]>([
    ['a pattern as path', { path: /chat/ }],
    ['a list as path', { path: ['/chat', '/news'] }],
    ['a number as path', { path: 7 }],
    ['a space in its path', { path: '/chat room' }],
    ['a letter that a URL cannot contain', { path: '/chät' }],
    ['a query in its path', { path: '/chat?room=1' }],
    ['a fragment in its path', { path: '/chat#room' }],
    ['an incomplete escape', { path: '/chat%2' }],
    ['a percent sign', { path: '/100%' }],
    ['a quote', { path: '/"chat"' }],
    ['a backslash', { path: '\\\\chat' }],
    ['a control character', { path: '/chat\0' }],
    ['a parent directory', { path: '/a/../chat' }],
    ['null as path', { path: null }],
    ['a line break in its path', { path: '/chat\n' }],
    ['a namespace', { namespace: 'chat' }],
    ['a namespace in addition to its path', { path: '/chat', namespace: '/chat' }],
    ['a pattern as namespace', { path: '/chat', namespace: /chat/ }],
    ['a path instead of options', 'chat' as unknown as object],
    ['a list of options', [{ path: '/chat' }]],
  ])('stops bootstrap with an error that says what to write: %s', async (_name, options) => {
    const error = await failureOf(options);
    expect(error).toBeInstanceOf(InvalidPathError);
    expect(error).toMatchObject({ gateway: 'ChatGateway' });
    expect((error as Error).message).toMatch(/^ChatGateway cannot be served: /);
    expect((error as Error).message).toContain("@WebSocketGateway({ path: '/chat' })");
  });
});

describe('a namespace, as Socket.IO has them', () => {
  it.each([
    ['/news', '/news'],
    ['news', '/news'],
    ['/a/b', '/a/b'],
  ])('%s is refused, and the error suggests the path %s', async (namespace, path) => {
    expect(String(await failureOf({ namespace }))).toBe(
      'InvalidPathError: ChatGateway cannot be served: it has a namespace, which only Socket.IO supports.' +
        ` Use the path instead: @WebSocketGateway({ path: '${path}' }).`,
    );
  });

  it.each([
    ['/', /remove it, because '\/' is the default\. Use a path such as/],
    ['tea room', /only Socket\.IO supports\. Use a path such as/],
    [/chat/, /a pattern needs a gateway for each path\. Use a path such as/],
  ])('%s is refused without a path that could not be served', async (namespace, message) => {
    expect(String(await failureOf({ namespace }))).toMatch(message);
  });

  it.each(['', null, undefined])('%o means none, as in Socket.IO', async (namespace) => {
    await bootstrap({ path: '/chat', namespace });
    expect(warnings).toEqual([]);
  });
});

describe('a gateway of another process with a namespace', () => {
  it('has no path, so a worker that emits to it learns that too', async () => {
    @WebSocketGateway({ namespace: '/news' })
    class NewsGateway {}
    const context = await farm.context({ imports: [RedisBackplaneModule.forRoot(farm.options())] });
    expect(() => context.get(Broadcaster).gateway(NewsGateway)).toThrow(
      /^NewsGateway cannot be served: .* '\/news'/,
    );
  });
});

describe('options of Socket.IO that have no effect', () => {
  it('are named in one warning, with what to set instead', async () => {
    await bootstrap({
      path: '/chat',
      cors: { origin: '*' },
      allowRequest: () => undefined,
      pingInterval: 1000,
      serveClient: false,
      transports: ['polling', 'websocket'],
    });
    expect(warnings).toEqual([
      '@WebSocketGateway() of ChatGateway has options of Socket.IO that have no effect:' +
        ' cors (set the module option allowedOrigins),' +
        ' allowRequest (it is never called: set the module option authenticate),' +
        ' pingInterval (set the module option heartbeat.interval),' +
        ' serveClient, transports (WebSocket is the only one). Remove them.',
    ]);
  });

  it.each([
    ['options of ws', { perMessageDeflate: true, maxPayload: 1000 }],
    ['an option without a value', { cors: undefined }],
    ['transports that are what happens anyway', { transports: ['websocket'] }],
    ['a name that every object has', { constructor: 1 }],
  ])('cause no warning if they are %s', async (_name, options) => {
    await bootstrap({ path: '/chat', ...options });
    expect(warnings).toEqual([]);
  });
});

describe('a gateway with a valid path', () => {
  it('is reachable at a path with escapes', async () => {
    @WebSocketGateway({ path: '/chat%20room' })
    class RoomGateway {}
    const server = await farm.server(farm.options(), { providers: [RoomGateway] });
    await farm.client(server, '/chat room');
    await farm.client(server, '/chat%20room');
    expect((await server.broadcaster.gateway(RoomGateway).emit('hi')).local).toBe(2);
    expect((await server.broadcaster.gateway('/chat%20room').emit('hi')).local).toBe(2);
  });

  it.each(['/chat', 'chat', '/chat/', '/', '', '/a/b', '/v1.0/chat~x', '/...', undefined])(
    'starts: %s',
    async (path) => {
      await bootstrap(path === undefined ? {} : { path });
    },
  );
});
