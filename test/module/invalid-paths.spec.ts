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

describe('a gateway that nobody could reach', () => {
  it.each<[name: string, options: object]>([
    ['a pattern as path', { path: /chat/ }],
    ['a list as path', { path: ['/chat', '/news'] }],
    ['a number as path', { path: 7 }],
    ['a space in its path', { path: '/chat room' }],
    ['letters that no URL has', { path: '/chät' }],
    ['a query in its path', { path: '/chat?room=1' }],
    ['a fragment in its path', { path: '/chat#room' }],
    ['a broken escape', { path: '/chat%2' }],
    ['an escape of no digits', { path: '/chat%zz' }],
    ['a line break in its path', { path: '/chat\n' }],
    ['a namespace', { namespace: 'chat' }],
    ['a namespace beside its path', { path: '/chat', namespace: '/chat' }],
  ])('stops bootstrap with one error that says what to write: %s', async (_name, options) => {
    const error: unknown = await bootstrap(options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidPathError);
    expect((error as Error).message).toContain("@WebSocketGateway({ path: '/chat' })");
  });

  it.each(['/chat', 'chat', '/chat/', '/', '/a/b', '/v1.0/chat~x', '/caf%C3%A9', undefined])(
    'is none at %s',
    async (path) => {
      await bootstrap(path === undefined ? {} : { path });
    },
  );
});
