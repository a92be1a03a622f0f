import { Logger, type LoggerService } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from 'vitest';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { listen, useTestFarm } from '../support/test-farm.js';

/** Fails in a hook and in a handler, because the library logs both. */
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

/** A custom LoggerService that records its arguments. */
class RecordingLogger implements LoggerService {
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
// All test files of a worker share Nest's Logger.
afterEach(() => Logger.overrideLogger(false));

const LINES = [
  'error RedisBackplaneAdapter: handleConnection failed: hook with a stack',
  "error RedisBackplaneAdapter: The handler of 'fail' failed: handler with a stack",
  expect.stringMatching(/^warn RedisBackplane: The option redis\.socketTimeout is ignored/) as unknown,
];

async function run(ownLogger: LoggerService | undefined, logger: LoggerService): Promise<void> {
  const options = { ...farm.options(), redis: { socketTimeout: 1 }, ...(ownLogger && { logger: ownLogger }) };
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

describe('the log lines of the library', () => {
  it('go to the logger that app.useLogger() sets', async () => {
    const logger = new RecordingLogger();
    await run(undefined, logger);
    expect(logger.lines).toEqual(expect.arrayContaining(LINES));
  });

  it('go only to the logger in the options if there is one', async () => {
    const [logger, appLogger] = [new RecordingLogger(), new RecordingLogger()];
    await run(logger, appLogger);
    expect(logger.lines).toEqual(expect.arrayContaining(LINES));
    expect(appLogger.lines).toEqual([]);
  });
});
