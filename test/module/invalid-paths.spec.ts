import { WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { InvalidPathError } from '../../lib/broadcast/broadcast.errors.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { listen, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

async function bootstrap(options: object): Promise<void> {
  class Gateway {
    readonly options = options;
  }
  WebSocketGateway(options)(Gateway);
  const app = await farm.app({
    imports: [RedisBackplaneModule.forRoot(farm.options())],
    providers: [Gateway],
  });
  await listen(app);
}

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
    const error: unknown = await bootstrap(options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidPathError);
    expect((error as Error).message).toContain("@WebSocketGateway({ path: '/chat' })");
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
