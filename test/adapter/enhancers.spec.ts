import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExecutionContext,
  type ExceptionFilter,
  type NestInterceptor,
  ParseIntPipe,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { map, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import type { WsClient } from '../support/ws-client.js';
import { useTestFarm } from '../support/test-farm.js';
import { IS_NEST_11 } from '../support/nest-release.js';

class SaysPlease implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const ws = context.switchToWs();
    return ws.getClient<unknown>() instanceof BackplaneConnection && ws.getData() === 'please';
  }
}

class Shout implements NestInterceptor<string, { event: string; data: string }> {
  intercept(
    context: ExecutionContext,
    next: CallHandler<string>,
  ): Observable<{ event: string; data: string }> {
    const event = context.switchToWs().getPattern();
    return next.handle().pipe(map((text) => ({ event, data: text.toUpperCase() })));
  }
}

class Refusal extends Error {}

@Catch(Refusal)
class RefusalFilter implements ExceptionFilter<Refusal> {
  catch({ message }: Refusal, host: ArgumentsHost): void {
    void host.switchToWs().getClient<BackplaneConnection>().emit('refused', message);
  }
}

class FailingFilter implements ExceptionFilter {
  catch(): void {
    throw new Error('the filter fails');
  }
}

@WebSocketGateway({ path: '/chat' })
class EnhancedGateway {
  @UseGuards(SaysPlease)
  @SubscribeMessage('guarded')
  guarded() {
    return { event: 'guarded' };
  }

  @SubscribeMessage('piped')
  piped(@MessageBody(ParseIntPipe) data: number) {
    return { event: 'piped', data: data + 1 };
  }

  @SubscribeMessage('part')
  part(@MessageBody('room') data: string) {
    return { event: 'part', data };
  }

  @UseInterceptors(Shout)
  @SubscribeMessage('shouted')
  shouted(): string {
    return 'hey';
  }

  @UseFilters(RefusalFilter)
  @SubscribeMessage('filtered')
  filtered(): never {
    throw new Refusal('not today');
  }

  @UseFilters(FailingFilter)
  @SubscribeMessage('filtered-badly')
  filteredBadly(): never {
    throw new Error('the handler fails');
  }
}

const farm = useTestFarm();

async function connect(providers: object[] = []): Promise<WsClient> {
  return farm.client(await farm.server(farm.options(), { providers: providers as [] }, EnhancedGateway));
}

describe('on a gateway handler', () => {
  it('a guard sees the connection and the data, and can accept or refuse the message', async () => {
    const client = await connect();
    client.send('guarded', 'please');
    await client.next('guarded');
    client.send('guarded', 'now');
    expect((await client.next('exception')).data).toMatchObject({ message: 'Forbidden resource' });
    expect(client.dataOf('guarded')).toHaveLength(1);
  });

  it('a pipe transforms the data or refuses it', async () => {
    const client = await connect();
    client.send('piped', '41');
    expect((await client.next('piped')).data).toBe(42);
    client.send('piped', 'no number');
    await client.next('exception');
  });

  it('@MessageBody() with a key gets that property of the data', async () => {
    const client = await connect();
    client.send('part', { room: 'a' });
    expect((await client.next('part')).data).toBe('a');
  });

  it('an interceptor transforms the result', async () => {
    const client = await connect();
    client.send('shouted');
    expect((await client.next('shouted')).data).toBe('HEY');
  });

  it('a filter can emit to the connection', async () => {
    const client = await connect();
    client.send('filtered');
    expect((await client.next('refused')).data).toBe('not today');
  });

  it('a filter that throws gives its client an `exception`, and the client stays connected', async () => {
    const client = await connect();
    client.send('filtered-badly');
    expect((await client.next('exception')).data).toEqual({
      status: 'error',
      message: 'Internal server error',
    });
    client.send('shouted');
    await client.next('shouted');
  });
});

it.runIf(!IS_NEST_11)('a global guard applies to gateways too', async () => {
  const client = await connect([{ provide: APP_GUARD, useClass: SaysPlease }]);
  client.send('shouted', 'now');
  await client.next('exception');
  client.send('shouted', 'please');
  await client.next('shouted');
});
