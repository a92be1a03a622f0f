import { BadRequestException } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { concat, type Observable, of, throwError } from 'rxjs';
import { expect, it } from 'vitest';
import { RawHubClient } from '../support/raw-hub-client.js';
import { useTestFarm } from '../support/test-farm.js';

@WebSocketGateway({ path: '/hub' })
class FailingGateway {
  @SubscribeMessage('Handler')
  handler(): void {
    throw new TypeError('the password is 1234');
  }

  @SubscribeMessage('Observable')
  observable(): Observable<number> {
    return concat(
      of(1),
      throwError(() => new RangeError('too far')),
    );
  }

  @SubscribeMessage('Generator')
  async *generator(): AsyncGenerator<number> {
    yield await Promise.reject(new RangeError('too far'));
  }

  @SubscribeMessage('Unsendable')
  unsendable(): bigint {
    return 1n;
  }

  @SubscribeMessage('Unshowable')
  unshowable(): void {
    throw Object.create(null);
  }

  @SubscribeMessage('WsException')
  wsException(): void {
    throw new WsException('no such room');
  }

  @SubscribeMessage('HttpException')
  httpException(): void {
    throw new BadRequestException('no such room');
  }
}

const farm = useTestFarm();
const CALL = (target: string): string => `An unexpected error occurred invoking '${target}' on the server.`;
const STREAM = 'An error occurred on the server while streaming results.';

async function errorOf(type: number, target: string, detailedErrors: boolean): Promise<unknown> {
  const server = await farm.server({ ...farm.options(), signalr: { detailedErrors } }, {}, FailingGateway);
  const client = await RawHubClient.open(farm, server.port);
  client.send({ type, invocationId: '1', target, arguments: [] });
  return (await client.completion('1'))['error'];
}

it.each([
  [1, 'Handler', CALL('Handler'), 'TypeError: the password is 1234'],
  [4, 'Observable', STREAM, 'RangeError: too far'],
  [4, 'Generator', STREAM, 'RangeError: too far'],
  [1, 'Unsendable', CALL('Unsendable'), 'TypeError: Do not know how to serialize a BigInt'],
  [1, 'Unshowable', CALL('Unshowable'), 'a value that cannot be shown'],
])(
  'a client learns the details of a bug only with detailedErrors (%i %s)',
  async (type, target, text, details) => {
    expect(await errorOf(type, target, false)).toBe(text);
    expect(await errorOf(type, target, true)).toBe(`${text} ${details}`);
  },
);

it.each(['WsException', 'HttpException'])(
  'detailedErrors does not change the text of a %s',
  async (target) => {
    const text = `${CALL(target)} HubException: no such room`;
    expect(await errorOf(1, target, false)).toBe(text);
    expect(await errorOf(1, target, true)).toBe(text);
  },
);
