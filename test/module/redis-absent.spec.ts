import { describe, it, type onTestFinished } from 'vitest';
import { StartupTimeoutError } from '../../lib/startup-timeout.error.js';
import { RedisBackplane } from '../../lib/broadcast/redis-backplane.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { NotPublishedError } from '../../lib/routing/routing.errors.js';
import { ChatGateway } from '../support/chat.gateway.js';
import { TestFarm } from '../support/test-farm.js';

/** Nothing listens on port 1. */
const NOWHERE = 'redis://:hunter2@127.0.0.1:1';

/** A farm per test, because the tests run concurrently: most of them wait 5 s in bootstrap. */
function ownFarm(onFinished: typeof onTestFinished): TestFarm {
  const farm = new TestFarm();
  onFinished(() => farm.end());
  return farm;
}

describe.concurrent('an app whose Redis is down', () => {
  it('does not start with abortConnect: true, and the error says why without the password', async ({
    expect,
    onTestFinished,
  }) => {
    const farm = ownFarm(onTestFinished);
    const options = { ...farm.options(NOWHERE), abortConnect: true };
    const app = await farm.app({
      imports: [RedisBackplaneModule.forRoot(options)],
      providers: [ChatGateway],
    });

    const error: unknown = await app.init().catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(StartupTimeoutError);
    const { message } = error as StartupTimeoutError;
    expect(message).toMatch(/within 5000 ms.*ECONNREFUSED.*abortConnect/);
    expect(message).not.toContain('hunter2');
    expect(app.get(RedisBackplane).status).toEqual({ state: 'closed' });
  });

  it('fails to start after startupTimeout, which the message contains', async ({
    expect,
    onTestFinished,
  }) => {
    const farm = ownFarm(onTestFinished);
    const options = { ...farm.options(NOWHERE), abortConnect: true, startupTimeout: 300 };
    const app = await farm.app({ imports: [RedisBackplaneModule.forRoot(options)] });
    const startedAt = performance.now();

    const error: unknown = await app.init().catch((reason: unknown) => reason);

    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(error).toMatchObject({ code: 'BACKPLANE_STARTUP_TIMEOUT', timeoutMs: 300, retryable: true });
    expect((error as Error).message).toContain('within 300 ms');
  });

  it('starts without abortConnect, keeps reconnecting, and serves its local clients', async ({
    expect,
    onTestFinished,
  }) => {
    const farm = ownFarm(onTestFinished);
    const server = await farm.server(farm.options(NOWHERE));
    expect(server.backplane.status.state).toBe('reconnecting');
    const [one, two] = [await farm.client(server), await farm.client(server)];

    await expect(server.broadcaster.emit('hi')).rejects.toMatchObject({
      name: NotPublishedError.name,
      local: 2,
    });
    one.send('id');

    await Promise.all([one.next('hi'), two.next('hi'), one.next('id')]);
  });
});
