import {
  BadRequestException,
  ForbiddenException,
  HttpException,
  Injectable,
  InternalServerErrorException,
  IntrinsicException,
  Scope,
  type Type,
} from '@nestjs/common';
import { ConnectedSocket, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { NotAGatewayError } from '../../lib/broadcast/broadcast.errors.js';
import { InvokeCanceledError, InvokeTargetError, ServerLostError } from '../../lib/routing/request.errors.js';
import { startOurs } from '../support/adapters.js';
import { useLog } from '../support/logged.js';
import { turn, useTestFarm } from '../support/test-farm.js';
import { BUG, failure, ThrowingGateway, throwing, ThrowingHandlers } from '../support/throwing-gateway.js';
import type { WsClient } from '../support/ws-client.js';
import { IS_NEST_11 } from '../support/nest-release.js';

@Injectable({ scope: Scope.REQUEST })
class PerRequest {}

@WebSocketGateway({ path: '/chat' })
class RequestScopedGateway extends ThrowingHandlers {
  constructor(readonly perRequest: PerRequest) {
    super();
  }
}

const farm = useTestFarm();
const log = useLog();

async function connect(gateway: Type = ThrowingGateway, ...more: Type[]): Promise<WsClient> {
  return farm.client(await startOurs(farm, {}, gateway, ...more));
}

describe.each<[name: string, gateway: Type]>([
  ['a gateway without a filter', ThrowingGateway],
  ['a request-scoped gateway', RequestScopedGateway],
])('%s', (_name, gateway) => {
  it.each<[name: string, error: unknown, expected: object]>([
    [
      'an HttpException',
      new ForbiddenException(),
      { error: 'ForbiddenException', message: 'Forbidden', statusCode: 403 },
    ],
    [
      'an HttpException with a list of messages, as ValidationPipe throws it',
      new BadRequestException(['a must be a string', 'b must be a number']),
      {
        error: 'BadRequestException',
        message: ['a must be a string', 'b must be a number'],
        statusCode: 400,
      },
    ],
    [
      'an HttpException whose response is a string',
      new HttpException('short and stout', 418),
      { error: 'HttpException', message: 'short and stout', statusCode: 418 },
    ],
    [
      'an HttpException whose response is a custom object',
      new ForbiddenException({ message: 'no', code: 7 }),
      { error: 'ForbiddenException', message: 'no', statusCode: 403 },
    ],
    [
      'an HttpException from another copy of @nestjs/common',
      Object.assign(new Error('foreign'), {
        name: 'ForeignException',
        getStatus: () => 409,
        getResponse: () => ({ message: 'taken' }),
      }),
      { error: 'ForeignException', message: 'taken', statusCode: 409 },
    ],
    ['a WsException', new WsException('not now'), { message: 'not now' }],
    [
      'a BackplaneError',
      new ServerLostError('a-server'),
      { error: 'ServerLostError', message: 'The other client has disconnected.' },
    ],
    ['an InvokeCanceledError', new InvokeCanceledError('why'), { error: 'InvokeCanceledError' }],
  ])('sends %s to its client, and logs nothing', async (_case, error, expected) => {
    throwing.error = error;
    const client = await connect(gateway, PerRequest);
    for (const event of ['throw', 'reject', 'stream'])
      expect(await failure(client, event, { a: 1 })).toEqual({
        status: 'error',
        ...(expected as { message: string }),
        message: (expected as { message?: unknown }).message ?? (expect.any(String) as string),
        cause: { pattern: event, data: { a: 1 } },
      });
    expect(log.errors).toEqual([]);
  });

  it.each<[name: string, error: unknown, line: RegExp]>([
    ['an unknown error', new Error('a secret'), /^The handler of 'throw' failed: a secret$/],
    [
      'an error that only a programming mistake can cause',
      new InvokeTargetError(),
      /failed: invoke needs a target of exactly one/,
    ],
    [
      'an error about a class that is not a gateway',
      new NotAGatewayError('Chat'),
      /failed: Chat is not a gateway/,
    ],
    ['undefined', undefined, /failed: undefined$/],
    ['null', null, /failed: null$/],
    ['a string', 'a secret', /failed: a secret$/],
    ['a number', 0, /failed: 0$/],
    ['an object', { code: 'a secret' }, /failed: \{ code: 'a secret' \}$/],
    ['an object without a prototype', Object.create(null), /failed: \[Object: null prototype\] \{\}$/],
    [
      'an object whose getStatus throws',
      {
        getStatus: () => {
          throw new Error('no status');
        },
      },
      /failed: /,
    ],
    ['an object with an invalid status', { getStatus: () => 'bad' }, /failed: /],
  ])('hides %s from its client, and logs it as a bug', async (_case, error, line) => {
    throwing.error = error;
    const client = await connect(gateway, PerRequest);
    expect(await failure(client, 'throw', 1)).toEqual({ ...BUG, cause: { pattern: 'throw', data: 1 } });
    expect(log.errors).toEqual([
      [expect.stringMatching(line), error instanceof Error ? error.stack : undefined],
    ]);
  });
});

it('an HttpException with status 500 or above is sent to the client, and logged with its stack', async () => {
  throwing.error = new InternalServerErrorException('out of tea');
  const client = await connect();
  expect(await failure(client, 'throw')).toMatchObject({ message: 'out of tea', statusCode: 500 });
  expect(log.errors).toEqual([
    ["The handler of 'throw' failed: out of tea", (throwing.error as Error).stack],
  ]);
});

it('an IntrinsicException is hidden from the client and, as in Nest, not logged', async () => {
  throwing.error = new IntrinsicException('for Nest');
  const client = await connect();
  expect(await failure(client, 'throw')).toMatchObject(BUG);
  expect(log.errors).toEqual([]);
});

it('the exceptions of guards and pipes are sent to the client', async () => {
  const client = await connect();
  expect(await failure(client, 'guarded')).toMatchObject({
    error: 'ForbiddenException',
    message: 'members only',
    statusCode: 403,
  });
  expect(await failure(client, 'piped', 'no number')).toMatchObject({
    error: 'BadRequestException',
    message: expect.stringContaining('numeric string') as string,
    statusCode: 400,
  });
});

it('an exception answers a frame that has an id', async () => {
  throwing.error = new ForbiddenException('not you');
  const client = await connect();
  for (const event of ['throw', 'stream', 'guarded']) {
    client.send(event, undefined, 7);
    expect(await client.next()).toMatchObject({ id: 7, error: { statusCode: 403 } });
  }
});

it('a handler logs at most one line per second, however many of its messages fail', async () => {
  throwing.error = new Error('a bug');
  const client = await connect();
  for (let times = 0; times < 200; times++) client.send('throw');
  await client.count('exception', 200);
  expect(log.errors.length).toBeGreaterThan(0);
  expect(log.errors.length).toBeLessThan(5);
});

it.runIf(!IS_NEST_11)(
  'a failure to create a request-scoped gateway is sent to the client and logged, not thrown',
  async () => {
    const escaped = farm.escapes();
    let broken = false;
    @Injectable({ scope: Scope.REQUEST })
    class Broken {
      constructor() {
        if (broken) throw new Error('no database');
      }
    }
    @WebSocketGateway({ path: '/chat' })
    class BrokenGateway {
      constructor(readonly dependency: Broken) {}

      @SubscribeMessage('any')
      any(@ConnectedSocket() client: BackplaneConnection) {
        return client.id;
      }
    }
    const server = await startOurs(farm, {}, BrokenGateway, Broken);
    broken = true;
    const client = await farm.client(server);
    // The connect itself fails, too. That exception has no cause.
    expect(await client.next()).toEqual({ event: 'exception', data: BUG });
    client.send('any', 1, 7);
    expect(await client.next()).toEqual({ id: 7, error: { ...BUG, cause: { pattern: 'any', data: 1 } } });
    await client.close();
    await turn();
    expect(escaped).toEqual([]);
    expect(log.errors.map(([line]) => line)).toEqual([
      'A gateway failed: no database',
      "The handler of 'any' failed: no database",
    ]);
  },
);
