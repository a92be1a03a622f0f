import { Logger, type LoggerService } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from 'vitest';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { listen, useTestFarm } from '../support/test-farm.js';

/** Fails wherever the library logs: in a hook, in a handler. */
@WebSocketGateway({ path: '/chat' })
class FailingGateway {
  handleConnection(): void {
    if (this.isHostile) throw new Error('hook');
  }

  isHostile = false;

  @SubscribeMessage('fail')
  fail(): void {
    throw new Error('handler');
  }
}

/** A LoggerService of an app's own, with its own view of the arguments. */
class NotingLogger implements LoggerService {
  readonly lines: string[] = [];

  log(): void {}

  warn(message: string, context: string): void {
    this.lines.push(`warn ${context}: ${message}`);
  }

  error(message: string, stack: string | undefined, context: string): void {
    this.lines.push(`error ${context}: ${message}${stack === undefined ? '' : ' with a stack'}`);
  }
}

const farm = useTestFarm();
// Files of one worker share Nest's Logger.
afterEach(() => Logger.overrideLogger(false));

const LINES = [
  'error RedisBackplaneAdapter: handleConnection failed: hook with a stack',
  "error RedisBackplaneAdapter: The handler of 'fail' failed: handler with a stack",
  expect.stringMatching(/^warn RedisBackplane: The option redis\.socketTimeout is ignored/) as unknown,
];

async function run(own: LoggerService | undefined, logger: LoggerService): Promise<void> {
  const options = { ...farm.options(), redis: { socketTimeout: 1 }, ...(own && { logger: own }) };
  const app = await farm.app({
    imports: [RedisBackplaneModule.forRoot(options)],
    providers: [FailingGateway],
  });
  app.useLogger(logger);
  const port = await listen(app);
  const client = await farm.client({ port });
  client.send('fail');
  await client.next('exception');
  app.get(FailingGateway).isHostile = true;
  await (
    await farm.client({ port })
  ).closed;
}

describe('the lines of the library', () => {
  it('go to the logger that app.useLogger() sets', async () => {
    const logger = new NotingLogger();
    await run(undefined, logger);
    expect(logger.lines).toEqual(expect.arrayContaining(LINES));
  });

  it('go to the option logger, and to no other one', async () => {
    const [logger, apps] = [new NotingLogger(), new NotingLogger()];
    await run(logger, apps);
    expect(logger.lines).toEqual(expect.arrayContaining(LINES));
    expect(apps.lines).toEqual([]);
  });
});
