import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  ForbiddenException,
  Get,
  type Type,
  UseFilters,
  UseInterceptors,
} from '@nestjs/common';
import { BaseWsExceptionFilter, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { BackplaneExceptionFilter } from '../../lib/adapter/backplane-exception.filter.js';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { startOurs, startPlain } from '../support/adapters.js';
import { useLog } from '../support/logged.js';
import { listen, turn, useTestFarm } from '../support/test-farm.js';
import { BUG, failure, ThrowingGateway, throwing, ThrowingHandlers } from '../support/throwing-gateway.js';
import type { WsClient } from '../support/ws-client.js';

const farm = useTestFarm();
const log = useLog();

async function connect(gateway: Type = ThrowingGateway): Promise<WsClient> {
  return farm.client(await startOurs(farm, {}, gateway));
}

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
  class SpecificGateway extends ThrowingHandlers {}

  @UseFilters(new All())
  @WebSocketGateway({ path: '/chat' })
  class CatchAllGateway extends ThrowingHandlers {}

  @UseFilters(BaseWsExceptionFilter)
  @WebSocketGateway({ path: '/chat' })
  class NestsGateway extends ThrowingHandlers {}

  @UseFilters(Specific, BackplaneExceptionFilter)
  @WebSocketGateway({ path: '/chat' })
  class BothGateway extends ThrowingHandlers {}

  @WebSocketGateway({ path: '/chat' })
  class MethodGateway {
    @UseFilters(Specific)
    @SubscribeMessage('throw')
    throw(): never {
      throw throwing.error;
    }

    @UseFilters(All)
    @SubscribeMessage('all')
    all(): never {
      throw throwing.error;
    }
  }

  /** A gateway that is no gateway itself, of a base class that is one, with filters of both. */
  @UseFilters(Specific)
  class DerivedGateway extends ThrowingGateway {}

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
    throwing.error = error;
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
    throwing.error = new ForbiddenException('no');
    const clients = [await connect(), await connect(), ...(await Promise.all([connect(), connect()]))];
    for (const client of clients) expect(await failure(client, 'throw')).toMatchObject({ statusCode: 403 });
    await turn();
    expect(clients.map(({ received }) => received.length)).toEqual([1, 1, 1, 1]);
  });

  it('on another adapter have Nest’s own filter, with a class that ours has served', async () => {
    await connect();
    throwing.error = new ForbiddenException('no');
    const client = await farm.client(await startPlain(farm, ThrowingGateway));
    expect(await failure(client, 'throw')).toMatchObject(BUG);
    throwing.error = new WsException('no');
    expect(await failure(client, 'throw')).toMatchObject({ message: 'no' });
  });
});
