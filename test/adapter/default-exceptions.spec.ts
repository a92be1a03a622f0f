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
  ['a gateway without any decorator', ThrowingGateway],
  ['a request-scoped gateway', RequestScopedGateway],
])('%s', (_name, gateway) => {
  it.each<[what: string, error: unknown, told: object]>([
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
      'an HttpException whose response is a text',
      new HttpException('short and stout', 418),
      { error: 'HttpException', message: 'short and stout', statusCode: 418 },
    ],
    [
      'an HttpException whose response is an object of the app',
      new ForbiddenException({ message: 'no', code: 7 }),
      { error: 'ForbiddenException', message: 'no', statusCode: 403 },
    ],
    [
      'an HttpException of another copy of @nestjs/common',
      Object.assign(new Error('foreign'), {
        name: 'ForeignException',
        getStatus: () => 409,
        getResponse: () => ({ message: 'taken' }),
      }),
      { error: 'ForeignException', message: 'taken', statusCode: 409 },
    ],
    ['a WsException', new WsException('not now'), { message: 'not now' }],
    [
      'an error of the backplane',
      new ServerLostError('a-server'),
      { error: 'ServerLostError', message: 'The other client has left.' },
    ],
    ['a canceled invoke', new InvokeCanceledError('why'), { error: 'InvokeCanceledError' }],
  ])('tells its client of %s, and logs nothing', async (_what, error, told) => {
    throwing.error = error;
    const client = await connect(gateway, PerRequest);
    for (const event of ['throw', 'reject', 'stream'])
      expect(await failure(client, event, { a: 1 })).toEqual({
        status: 'error',
        ...(told as { message: string }),
        message: (told as { message?: unknown }).message ?? (expect.any(String) as string),
        cause: { pattern: event, data: { a: 1 } },
      });
    expect(log.errors).toEqual([]);
  });

  it.each<[what: string, error: unknown, line: RegExp]>([
    ['an error', new Error('a secret'), /^The handler of 'throw' failed: a secret$/],
    [
      'what only the programmer can cause',
      new InvokeTargetError(),
      /failed: invoke needs a target of exactly one/,
    ],
    ['a class that is no gateway', new NotAGatewayError('Chat'), /failed: Chat is not a gateway/],
    ['undefined', undefined, /failed: undefined$/],
    ['null', null, /failed: null$/],
    ['a text', 'a secret', /failed: a secret$/],
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
    ['an object whose status is none', { getStatus: () => 'bad' }, /failed: /],
  ])('hides %s from its client, and logs it as a bug', async (_what, error, line) => {
    throwing.error = error;
    const client = await connect(gateway, PerRequest);
    expect(await failure(client, 'throw', 1)).toEqual({ ...BUG, cause: { pattern: 'throw', data: 1 } });
    expect(log.errors).toEqual([
      [expect.stringMatching(line), error instanceof Error ? error.stack : undefined],
    ]);
  });
});

it('tells a client of an HttpException of 500 or more, and logs it with its stack', async () => {
  throwing.error = new InternalServerErrorException('out of tea');
  const client = await connect();
  expect(await failure(client, 'throw')).toMatchObject({ message: 'out of tea', statusCode: 500 });
  expect(log.errors).toEqual([
    ["The handler of 'throw' failed: out of tea", (throwing.error as Error).stack],
  ]);
});

it('logs nothing of an IntrinsicException, as Nest has it, and hides it', async () => {
  throwing.error = new IntrinsicException('for Nest');
  const client = await connect();
  expect(await failure(client, 'throw')).toMatchObject(BUG);
  expect(log.errors).toEqual([]);
});

it('tells what a guard and a pipe throw', async () => {
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

it('is the error of a frame with an id', async () => {
  throwing.error = new ForbiddenException('not you');
  const client = await connect();
  for (const event of ['throw', 'stream', 'guarded']) {
    client.send(event, undefined, 7);
    expect(await client.next()).toMatchObject({ id: 7, error: { statusCode: 403 } });
  }
});

it('logs one line per second of one handler, however many messages fail', async () => {
  throwing.error = new Error('a bug');
  const client = await connect();
  for (let times = 0; times < 200; times++) client.send('throw');
  await client.count('exception', 200);
  expect(log.errors.length).toBeGreaterThan(0);
  expect(log.errors.length).toBeLessThan(5);
});

it('a request-scoped gateway that cannot be made tells its client, logs why, and ends no process', async () => {
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
  // For the connect, whose request is not echoed.
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
});
