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
import { IS_NEST_11 } from '../support/nest-release.js';

const farm = useTestFarm();
const log = useLog();

async function connect(gateway: Type = ThrowingGateway): Promise<WsClient> {
  return farm.client(await startOurs(farm, {}, gateway));
}

describe('an exception filter of the app', () => {
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
  class BaseFilterGateway extends ThrowingHandlers {}

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

  /** Has no @WebSocketGateway() of its own: it inherits one, and adds a filter. */
  @UseFilters(Specific)
  class DerivedGateway extends ThrowingGateway {}

  const forbidden = new ForbiddenException('mine');
  const bug = new Error('a bug');

  it.each<[name: string, gateway: Type, event: string, error: Error, answer: string, logged: number]>([
    ['on the class for one type handles that type', SpecificGateway, 'throw', forbidden, 'specific', 0],
    [
      'on the class for one type leaves other types to the default filter',
      SpecificGateway,
      'throw',
      bug,
      'exception',
      1,
    ],
    ['on the class for all types handles every error', CatchAllGateway, 'throw', bug, 'all', 0],
    [
      'on the class that is BaseWsExceptionFilter handles every error',
      BaseFilterGateway,
      'throw',
      forbidden,
      'exception',
      0,
    ],
    [
      'next to an explicit BackplaneExceptionFilter handles its type',
      BothGateway,
      'throw',
      forbidden,
      'specific',
      0,
    ],
    ['on a method for one type handles that type', MethodGateway, 'throw', forbidden, 'specific', 0],
    [
      'on a method for one type leaves other types to the default filter',
      MethodGateway,
      'throw',
      bug,
      'exception',
      1,
    ],
    ['on a method for all types handles every error', MethodGateway, 'all', bug, 'all', 0],
    ['on a derived class handles its type', DerivedGateway, 'throw', forbidden, 'specific', 0],
    [
      'on a derived class leaves other types to the default filter',
      DerivedGateway,
      'throw',
      bug,
      'exception',
      1,
    ],
  ])('%s', async (_name, gateway, event, error, answer, logged) => {
    throwing.error = error;
    const client = await connect(gateway);
    client.send(event);
    await client.next(answer);
    expect(client.received).toHaveLength(1);
    expect(log.errors).toHaveLength(logged);
  });

  it('is not needed for an exception that an interceptor throws', async () => {
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

it('a class that is both gateway and controller keeps Nest’s filters on its HTTP routes', async () => {
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

describe('several apps in one process', () => {
  it('can share a gateway class, in turn or at once, and each client gets one exception', async () => {
    throwing.error = new ForbiddenException('no');
    const clients = [await connect(), await connect(), ...(await Promise.all([connect(), connect()]))];
    for (const client of clients) expect(await failure(client, 'throw')).toMatchObject({ statusCode: 403 });
    await turn();
    expect(clients.map(({ received }) => received.length)).toEqual([1, 1, 1, 1]);
  });

  // On the WsAdapter of Nest 11.0, no exception reaches a client.
  it.runIf(!IS_NEST_11)(
    'keep Nest’s filter on another adapter, even for a gateway class that ours has served',
    async () => {
      await connect();
      throwing.error = new ForbiddenException('no');
      const client = await farm.client(await startPlain(farm, ThrowingGateway));
      expect(await failure(client, 'throw')).toMatchObject(BUG);
      throwing.error = new WsException('no');
      expect(await failure(client, 'throw')).toMatchObject({ message: 'no' });
    },
  );
});
