import {
  type ArgumentMetadata,
  type ArgumentsHost,
  BadRequestException,
  type CallHandler,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
  UseFilters,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { map, type Observable, of } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { Arg, Args } from '../../lib/adapter/handler-parameters.js';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { type HubConnection, itemsOf, LATEST, startHub } from '../support/signalr-clients.js';
import { useTestFarm } from '../support/test-farm.js';

class Doubling implements NestInterceptor<number, number> {
  intercept(_context: ExecutionContext, next: CallHandler<number>): Observable<number> {
    return next.handle().pipe(map((value) => 2 * value));
  }
}

class Upper implements PipeTransform {
  transform(value: unknown, { type }: ArgumentMetadata): unknown {
    if (typeof value !== 'string') throw new BadRequestException(['text must be a string', `in ${type}`]);
    return value.toUpperCase();
  }
}

@Catch(RangeError)
class RangeFilter implements ExceptionFilter<RangeError> {
  catch({ message }: RangeError, host: ArgumentsHost): void {
    const client = host.switchToWs().getClient<BackplaneConnection>();
    void client.emit('exception', { status: 'error', message: `out of range: ${message}` });
  }
}

@WebSocketGateway({ path: '/hub' })
class EnhancedGateway {
  @UseInterceptors(Doubling)
  @SubscribeMessage('Double')
  double(@Arg(0) value: number): number {
    return value;
  }

  @UseInterceptors(Doubling)
  @SubscribeMessage('DoubleAll')
  doubleAll(@Args() values: number[]): Observable<number> {
    return of(...values);
  }

  @SubscribeMessage('Shout')
  shout(@Arg(0, Upper) text: string, @Arg(1, Upper) other: string): string {
    return `${text} ${other}`;
  }

  @UsePipes(Upper)
  @SubscribeMessage('ShoutAll')
  shoutAll(@MessageBody() text: string): string {
    return text;
  }

  @UseFilters(RangeFilter)
  @SubscribeMessage('Range')
  range(): never {
    throw new RangeError('7');
  }

  @SubscribeMessage('Object')
  object(): never {
    throw new WsException({ code: 'NO_ROOM', message: 'no such room' });
  }

  @SubscribeMessage('Answer')
  answer(@Arg(0) data: number): { event: string; data: number } {
    return { event: 'answered', data };
  }
}

const farm = useTestFarm();
let connection: HubConnection;

beforeEach(async () => {
  const { port } = await farm.server({ ...farm.options(), signalr: true }, {}, EnhancedGateway);
  connection = await startHub(farm, LATEST, port);
});

const error = (target: string, text: string): string =>
  `An unexpected error occurred invoking '${target}' on the server. HubException: ${text}`;

describe('for a SignalR client,', () => {
  it('interceptors transform results and the items of streams', async () => {
    expect(await connection.invoke('Double', 21)).toBe(42);
    expect(await itemsOf(connection.stream('DoubleAll', 1, 2, 3))).toEqual([2, 4, 6]);
    // What is no stream is one with a single item, because an interceptor makes an Observable of every result.
    expect(await itemsOf(connection.stream('Double', 1))).toEqual([2]);
  });

  it('pipes transform single arguments, and the whole', async () => {
    expect(await connection.invoke('Shout', 'a', 'b')).toBe('A B');
    expect(await connection.invoke('ShoutAll', 'loud')).toBe('LOUD');
  });

  it('a pipe that refuses an argument names all its reasons', async () => {
    await expect(connection.invoke('Shout', 'a', 5)).rejects.toThrow(
      error('Shout', 'text must be a string, in body'),
    );
  });

  it('the app’s filters decide what it learns', async () => {
    await expect(connection.invoke('Range')).rejects.toThrow(error('Range', 'out of range: 7'));
    await expect(connection.invoke('Object')).rejects.toThrow(error('Object', 'no such room'));
  });

  it('{ event, data } is the result of an invocation, and an event after a send', async () => {
    const answered = new Promise((resolve) => connection.on('answered', resolve));
    expect(await connection.invoke('Answer', 1)).toBe(1);
    await connection.send('Answer', 2);
    expect(await answered).toBe(2);
  });
});
