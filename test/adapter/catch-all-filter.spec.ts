import {
  type ArgumentsHost,
  Catch,
  ForbiddenException,
  InternalServerErrorException,
  UseFilters,
} from '@nestjs/common';
import { WebSocketGateway, WsException } from '@nestjs/websockets';
import { beforeEach, describe, expect, it } from 'vitest';
import { BackplaneExceptionFilter } from '../../lib/adapter/backplane-exception.filter.js';
import { ServerLostError } from '../../lib/routing/request.errors.js';
import { startOurs } from '../support/adapters.js';
import { useLog } from '../support/logged.js';
import { LATEST, startHub } from '../support/signalr-clients.js';
import { useTestFarm } from '../support/test-farm.js';
import { BUG, failure, throwing, ThrowingHandlers } from '../support/throwing-gateway.js';

const caught: unknown[] = [];

@Catch()
class NotingFilter extends BackplaneExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost): void {
    caught.push(error);
    super.catch(error, host);
  }
}

@UseFilters(NotingFilter)
@WebSocketGateway({ path: '/hub' })
class NotingGateway extends ThrowingHandlers {}

const farm = useTestFarm();
const log = useLog();
beforeEach(() => void (caught.length = 0));

describe('a subclass of BackplaneExceptionFilter that catches every error', () => {
  it.each<[name: string, error: unknown, expected: object]>([
    ['an unknown error', new Error('a secret'), BUG],
    ['an object', { code: 'a secret' }, BUG],
    ['a WsException', new WsException('not now'), { status: 'error', message: 'not now' }],
    [
      'an HttpException',
      new ForbiddenException(['a', 'b']),
      { status: 'error', error: 'ForbiddenException', message: ['a', 'b'], statusCode: 403 },
    ],
    [
      'an error of the backplane',
      new ServerLostError('a-server'),
      { status: 'error', error: 'ServerLostError', message: 'The other client has disconnected.' },
    ],
  ])('sends for %s what a gateway without filters sends', async (_case, error, expected) => {
    throwing.error = error;
    const client = await farm.client(await startOurs(farm, {}, NotingGateway), '/hub');
    expect(await failure(client, 'throw', 1)).toEqual({ ...expected, cause: { pattern: 'throw', data: 1 } });
    client.send('throw', 1, 7);
    expect(await client.next()).toEqual({
      id: 7,
      error: { ...expected, cause: { pattern: 'throw', data: 1 } },
    });
    expect(caught).toEqual([error, error]);
  });

  it('logs only what is the server’s fault, as a gateway without filters does', async () => {
    const client = await farm.client(await startOurs(farm, {}, NotingGateway), '/hub');
    for (const [event, error] of [
      ['throw', new WsException('not now')],
      ['throw', new ForbiddenException()],
      ['throw', new InternalServerErrorException('out of tea')],
      ['reject', new Error('a bug')],
    ] as const) {
      throwing.error = error;
      await failure(client, event);
    }
    expect(log.errors.map(([line]) => line)).toEqual([
      "The handler of 'throw' failed: out of tea",
      "The handler of 'reject' failed: a bug",
    ]);
  });

  it.each([
    [false, "An unexpected error occurred invoking 'throw' on the server."],
    [true, "An unexpected error occurred invoking 'throw' on the server. Error: a secret"],
  ])('with detailedErrors: %s, tells a SignalR client: %s', async (detailedErrors, text) => {
    throwing.error = new Error('a secret');
    const { port } = await startOurs(farm, { signalr: { detailedErrors } }, NotingGateway);
    const connection = await startHub(farm, LATEST, port);
    const failed = await connection.invoke('throw').catch((error: unknown) => error);
    expect(failed).toMatchObject({ message: text });
  });
});
