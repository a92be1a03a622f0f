import {
  type ArgumentsHost,
  BadRequestException,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  ForbiddenException,
  Get,
  HttpException,
  Injectable,
  InternalServerErrorException,
  IntrinsicException,
  ParseIntPipe,
  Scope,
  type Type,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import {
  BaseWsExceptionFilter,
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
} from '@nestjs/websockets';
import { throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BackplaneExceptionFilter } from '../../lib/adapter/backplane-exception.filter.js';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { NotAGatewayError } from '../../lib/broadcast/broadcast.errors.js';
import { InvokeCanceledError, InvokeTargetError, ServerLostError } from '../../lib/routing/request.errors.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { startOurs, startPlain } from '../support/adapters.js';
import { CodecClient, type CodecName } from '../support/codec-client.js';
import { useLog } from '../support/logged.js';
import { listen, turn, useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

/** What the handler throws. */
let thrown: unknown;

class Forbids implements CanActivate {
  canActivate(): boolean {
    throw new ForbiddenException('members only');
  }
}

class Handlers {
  @SubscribeMessage('throw')
  throw(): never {
    throw thrown;
  }

  @SubscribeMessage('reject')
  reject(): Promise<never> {
    return Promise.resolve().then(() => this.throw());
  }

  @SubscribeMessage('stream')
  stream() {
    return throwError(() => thrown);
  }

  @UseGuards(Forbids)
  @SubscribeMessage('guarded')
  guarded(): void {}

  @SubscribeMessage('piped')
  piped(@MessageBody(ParseIntPipe) data: number) {
    return data;
  }
}

@WebSocketGateway({ path: '/chat' })
class PlainGateway extends Handlers {}

@Injectable({ scope: Scope.REQUEST })
class PerRequest {}

@WebSocketGateway({ path: '/chat' })
class RequestScopedGateway extends Handlers {
  constructor(readonly perRequest: PerRequest) {
    super();
  }
}

const farm = useTestFarm();
const log = useLog();

async function connect(gateway: Type = PlainGateway, ...more: Type[]): Promise<WsClient> {
  return farm.client(await startOurs(farm, {}, gateway, ...more));
}

async function failure(client: WsClient, event: string, data?: unknown): Promise<unknown> {
  client.send(event, data);
  return (await client.next('exception')).data;
}

const BUG = { status: 'error', message: 'Internal server error' };

describe.each<[name: string, gateway: Type]>([
  ['a gateway without any decorator', PlainGateway],
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
    thrown = error;
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
    thrown = error;
    const client = await connect(gateway, PerRequest);
    expect(await failure(client, 'throw', 1)).toEqual({ ...BUG, cause: { pattern: 'throw', data: 1 } });
    expect(log.errors).toEqual([
      [expect.stringMatching(line), error instanceof Error ? error.stack : undefined],
    ]);
  });
});

it('tells a client of an HttpException of 500 or more, and logs it with its stack', async () => {
  thrown = new InternalServerErrorException('out of tea');
  const client = await connect();
  expect(await failure(client, 'throw')).toMatchObject({ message: 'out of tea', statusCode: 500 });
  expect(log.errors).toEqual([["The handler of 'throw' failed: out of tea", (thrown as Error).stack]]);
});

it('logs nothing of an IntrinsicException, as Nest has it, and hides it', async () => {
  thrown = new IntrinsicException('for Nest');
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
  thrown = new ForbiddenException('not you');
  const client = await connect();
  for (const event of ['throw', 'stream', 'guarded']) {
    client.send(event, undefined, 7);
    expect(await client.next()).toMatchObject({ id: 7, error: { statusCode: 403 } });
  }
});

it('logs one line per second of one handler, however many messages fail', async () => {
  thrown = new Error('a bug');
  const client = await connect();
  for (let times = 0; times < 200; times++) client.send('throw');
  await client.count('exception', 200);
  expect(log.errors.length).toBeGreaterThan(0);
  expect(log.errors.length).toBeLessThan(5);
});

describe('a filter of the app', () => {
  @Catch(ForbiddenException)
  class Specific implements ExceptionFilter<ForbiddenException> {
    catch({ message }: ForbiddenException, host: ArgumentsHost): void {
      void host.switchToWs().getClient<BackplaneConnection>().emit('specific', message);
    }
  }

  @Catch()
  class All implements ExceptionFilter {
    catch(_error: unknown, host: ArgumentsHost): void {
      void host.switchToWs().getClient<BackplaneConnection>().emit('all');
    }
  }

  @UseFilters(Specific)
  @WebSocketGateway({ path: '/chat' })
  class SpecificGateway extends Handlers {}

  @UseFilters(new All())
  @WebSocketGateway({ path: '/chat' })
  class CatchAllGateway extends Handlers {}

  @UseFilters(BaseWsExceptionFilter)
  @WebSocketGateway({ path: '/chat' })
  class NestsGateway extends Handlers {}

  @UseFilters(Specific, BackplaneExceptionFilter)
  @WebSocketGateway({ path: '/chat' })
  class BothGateway extends Handlers {}

  @WebSocketGateway({ path: '/chat' })
  class MethodGateway {
    @UseFilters(Specific)
    @SubscribeMessage('throw')
    throw(): never {
      throw thrown;
    }

    @UseFilters(All)
    @SubscribeMessage('all')
    all(): never {
      throw thrown;
    }
  }

  /** A gateway that is no gateway itself, of a base class that is one, with filters of both. */
  @UseFilters(Specific)
  class DerivedGateway extends PlainGateway {}

  const forbidden = new ForbiddenException('mine');
  const bug = new Error('a bug');

  it.each<[name: string, gateway: Type, event: string, error: Error, answer: string, logged: number]>([
    ['of its class for one type gets that type', SpecificGateway, 'throw', forbidden, 'specific', 0],
    ['of its class for one type leaves the others', SpecificGateway, 'throw', bug, 'exception', 1],
    ['of its class for all gets all', CatchAllGateway, 'throw', bug, 'all', 0],
    ['of its class that is Nest’s gets all', NestsGateway, 'throw', forbidden, 'exception', 0],
    ['beside ours, given by hand, gets its type', BothGateway, 'throw', forbidden, 'specific', 0],
    ['of a method gets its type', MethodGateway, 'throw', forbidden, 'specific', 0],
    ['of a method leaves the others', MethodGateway, 'throw', bug, 'exception', 1],
    ['of a method for all gets all', MethodGateway, 'all', bug, 'all', 0],
    ['of a derived class gets its type', DerivedGateway, 'throw', forbidden, 'specific', 0],
    ['of a derived class leaves the others', DerivedGateway, 'throw', bug, 'exception', 1],
  ])('%s', async (_name, gateway, event, error, answer, logged) => {
    thrown = error;
    const client = await connect(gateway);
    client.send(event);
    await client.next(answer);
    expect(client.received).toHaveLength(1);
    expect(log.errors).toHaveLength(logged);
  });

  it('that is an interceptor sees the error before any filter', async () => {
    @WebSocketGateway({ path: '/chat' })
    class Intercepted {
      @UseInterceptors({
        intercept: (_context, next) => {
          next.handle();
          throw new ForbiddenException('by the interceptor');
        },
      })
      @SubscribeMessage('throw')
      throw(): void {}
    }
    const client = await connect(Intercepted);
    expect(await failure(client, 'throw')).toMatchObject({ message: 'by the interceptor', statusCode: 403 });
  });
});

it('leaves the HTTP routes of a class that is a gateway and a controller to Nest', async () => {
  @Controller('http')
  @WebSocketGateway({ path: '/chat' })
  class Both {
    @Get()
    get(): never {
      throw new ForbiddenException('by HTTP');
    }

    @SubscribeMessage('throw')
    throw(): never {
      throw new ForbiddenException('by WebSocket');
    }
  }
  const module = RedisBackplaneModule.forRoot(farm.options());
  const app = await farm.app({ imports: [module], providers: [Both], controllers: [Both] });
  const port = await listen(app);

  const response = await fetch(`http://127.0.0.1:${port}/http`);

  expect(response.status).toBe(403);
  expect(await response.json()).toMatchObject({ message: 'by HTTP' });
  expect(await failure(await farm.client({ port }), 'throw')).toMatchObject({ message: 'by WebSocket' });
});

describe('several apps of one process', () => {
  it('share a gateway class, one after the other and side by side, and each client is told once', async () => {
    thrown = new ForbiddenException('no');
    const clients = [await connect(), await connect(), ...(await Promise.all([connect(), connect()]))];
    for (const client of clients) expect(await failure(client, 'throw')).toMatchObject({ statusCode: 403 });
    await turn();
    expect(clients.map(({ received }) => received.length)).toEqual([1, 1, 1, 1]);
  });

  it('on another adapter have Nest’s own filter, with a class that ours has served', async () => {
    await connect();
    thrown = new ForbiddenException('no');
    const client = await farm.client(await startPlain(farm, PlainGateway));
    expect(await failure(client, 'throw')).toMatchObject(BUG);
    thrown = new WsException('no');
    expect(await failure(client, 'throw')).toMatchObject({ message: 'no' });
  });
});

describe.each<CodecName>(['json', 'msgpack'])('a cause in %s', (codec) => {
  let nested: unknown;
  const deep = (levels: number): unknown => {
    nested = 0;
    for (let level = 0; level < levels; level++) nested = [nested];
    return nested;
  };

  async function ask(data: unknown, id?: number): Promise<unknown> {
    const server = await startOurs(farm, { protocols: ['json', 'msgpack'] }, PlainGateway);
    const client = await CodecClient.open(`ws://127.0.0.1:${server.port}/chat`, codec);
    farm.onEnd(() => client.socket.terminate());
    client.send({ event: 'throw', data, ...(id !== undefined && { id }) });
    const { data: told, error } = await client.message(({ event, id }) => event === 'exception' || id === 7);
    return told ?? error;
  }

  it.each<[what: string, data: unknown]>([
    ['is large', 'x'.repeat(500_000)],
    ['has many parts', Array(90_000).fill(1)],
    ['is nested 90 levels deep', deep(90)],
    ['has large keys', { ['k'.repeat(100_000)]: 1 }],
  ])('that %s is left out, and the client learns what failed', async (_what, data) => {
    const cases: [error: unknown, told: object][] = [
      [
        new ForbiddenException('no'),
        { error: 'ForbiddenException', message: 'no', status: 'error', statusCode: 403 },
      ],
      [new WsException('no'), { status: 'error', message: 'no' }],
      [new Error('a bug'), BUG],
      [
        new ServerLostError('x'),
        { status: 'error', error: 'ServerLostError', message: 'The other client has left.' },
      ],
    ];
    for (const [error, told] of cases) {
      thrown = error;
      expect(await ask(data)).toEqual(told);
      expect(await ask(data, 7)).toEqual(told);
    }
  });

  it('that is small is told', async () => {
    thrown = new WsException('no');
    const data = { text: 'x'.repeat(10_000), list: [null, true, 1.5] };
    expect(await ask(data)).toMatchObject({ cause: { pattern: 'throw', data } });
    expect(await ask(data, 7)).toMatchObject({ cause: { pattern: 'throw', data } });
  });

  it('apart, an exception that has no form for the client is told as an internal error', async () => {
    thrown = new WsException({ code: 1n });
    expect(await ask(1)).toEqual(BUG);
    expect(await ask(1, 7)).toEqual(BUG);
    thrown = new BadRequestException({ message: [1n] });
    expect(await ask(1)).toEqual(BUG);
    expect(await ask(1, 7)).toEqual(BUG);
  });
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
