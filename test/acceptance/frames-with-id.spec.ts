import { type ArgumentsHost, Catch, type ExceptionFilter, UseFilters } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from '@nestjs/websockets';
import { EMPTY, from, of } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { Deferred } from '../../lib/bus/deferred.js';
import { answer, answerWithError } from '../support/acceptance.js';
import { useTestFarm } from '../support/test-farm.js';
import type { ServerMessage, WsClient } from '../support/ws-client.js';
import { Ack, HAS_ACK } from '../support/nest-release.js';

type AckFunction = (answer: unknown) => void;

class Refusal extends Error {}

@Catch(Refusal)
class RefusalFilter implements ExceptionFilter<Refusal> {
  catch({ message }: Refusal, host: ArgumentsHost): void {
    void host.switchToWs().getClient<BackplaneConnection>().emit('exception', { refused: message });
  }
}

let slow: Deferred<unknown>;

@WebSocketGateway({ path: '/chat' })
class AnsweringGateway {
  @WebSocketServer() private readonly server!: Broadcaster;

  @SubscribeMessage('value')
  value(@MessageBody() data: unknown): unknown {
    return data;
  }

  @SubscribeMessage('event')
  event(@MessageBody() data: unknown) {
    return { event: 'answered', data };
  }

  @SubscribeMessage('promise')
  promise(@MessageBody() data: unknown): Promise<unknown> {
    return Promise.resolve(data);
  }

  @SubscribeMessage('stream')
  stream(@MessageBody() data: unknown[]) {
    return from(data);
  }

  @SubscribeMessage('event stream')
  eventStream(@MessageBody() data: unknown) {
    return of({ event: 'first', data: 'not the last' }, { event: 'last', data });
  }

  @SubscribeMessage('empty stream')
  emptyStream() {
    return EMPTY;
  }

  @SubscribeMessage('nothing')
  nothing(): void {
    // The reply is `null`.
  }

  @SubscribeMessage('delivery')
  delivery() {
    return this.server.local.emit('told');
  }

  @SubscribeMessage('ack')
  ack(@MessageBody() data: unknown, @Ack() ack: AckFunction) {
    setImmediate(() => {
      ack(data);
      ack('a second time');
    });
    return 'not this one';
  }

  @SubscribeMessage('exception')
  exception(): never {
    throw new WsException('refused');
  }

  @UseFilters(RefusalFilter)
  @SubscribeMessage('filtered')
  filtered(): Promise<never> {
    return Promise.reject(new Refusal('by a filter'));
  }

  @SubscribeMessage('slow')
  slow(): Promise<unknown> {
    return slow.promise;
  }

  @SubscribeMessage('ask back')
  async askBack(@ConnectedSocket() client: BackplaneConnection, @MessageBody() data: unknown) {
    return { answered: await client.invoke('question', data) };
  }
}

const farm = useTestFarm();
let client: WsClient;

beforeEach(async () => {
  slow = new Deferred();
  client = await farm.client(await farm.server(farm.options(), {}, AnsweringGateway));
});

/** All messages that the client gets until later requests are replied to. */
async function answersTo(request: object | string): Promise<ServerMessage[]> {
  const before = client.received.length;
  client.sendRaw(typeof request === 'string' ? request : JSON.stringify(request));
  // Two markers, because the `@Ack()` handler replies in the next event loop turn.
  for (const mark of ['mark 1', 'mark 2']) {
    client.send('promise', mark, mark);
    while ((await client.next()).id !== mark);
  }
  return client.received.slice(before).filter(({ id }) => !String(id).startsWith('mark'));
}

const ACKNOWLEDGED = ['the first value passed to @Ack(), and nothing else', 'ack', 'now', 'now'] as const;

describe('The reply to a frame with an id', () => {
  it.each<readonly [what: string, event: string, data: unknown, answered: unknown]>([
    ['a returned value', 'value', { a: [1] }, { a: [1] }],
    ['a falsy value', 'value', 0, 0],
    ['an empty string', 'value', '', ''],
    ['false', 'value', false, false],
    ['null', 'value', null, null],
    ['the data of { event, data }', 'event', 'data', 'data'],
    ['the result of a promise', 'promise', 'later', 'later'],
    ['the last value of an Observable', 'stream', [1, 2, 3], 3],
    ['the data of the last { event, data } of an Observable', 'event stream', 'end', 'end'],
    ['null for an Observable without values', 'empty stream', undefined, null],
    ['null for a handler that returns nothing', 'nothing', undefined, null],
    ...(HAS_ACK ? [ACKNOWLEDGED] : []),
  ])('is %s', async (_what, event, data, answered) => {
    expect(await answersTo({ event, data, id: 5 })).toEqual([{ id: 5, data: answered }]);
  });

  it('is null for a Delivery', async () => {
    expect(await answersTo({ event: 'delivery', id: 5 })).toEqual(
      expect.arrayContaining([{ event: 'told' }, { id: 5, data: null }]),
    );
  });

  it.each<[what: string, event: string, error: object]>([
    ['a WsException', 'exception', { status: 'error', message: 'refused' }],
    ['the output of a custom filter', 'filtered', { refused: 'by a filter' }],
    ['an event without a handler', 'unknown', { status: 'error' }],
  ])('is an error, not an `exception` event: %s', async (_what, event, error) => {
    expect(await answersTo({ event, id: 'e' })).toEqual([
      { id: 'e', error: expect.objectContaining(error) as object },
    ]);
  });
});

describe('An id', () => {
  it.each([0, -1, 7, Number.MAX_SAFE_INTEGER, '', '7', 'ü', 'x'.repeat(64), '🚀'.repeat(16)])(
    '%j is echoed unchanged',
    async (id) => {
      expect(await answersTo({ event: 'value', data: 1, id })).toEqual([{ id, data: 1 }]);
    },
  );

  it.each<[what: string, id: unknown]>([
    ['of more than 64 bytes', 'x'.repeat(65)],
    ['of more than 64 bytes in fewer characters', 'ü'.repeat(33)],
    ['that is a fraction', 1.5],
    ['that is an unsafe integer', 2 ** 53],
    ['that is null', null],
    ['that is true', true],
    ['that is an object', { toString: 'x' }],
    ['that is an array', [1]],
  ])('%s is refused without calling the handler', async (_what, id) => {
    const answers = await answersTo({ event: 'value', data: 1, id });
    expect(answers).toEqual([
      { event: 'exception', data: expect.objectContaining({ status: 'error' }) as object },
    ]);
  });
});

describe('Requests in flight', () => {
  it('get their replies as soon as each is ready, in any order', async () => {
    client.send('slow', undefined, 1);
    expect(await answersTo({ event: 'value', data: 'quick', id: 2 })).toEqual([{ id: 2, data: 'quick' }]);
    slow.resolve('at last');
    while ((await client.next()).id !== 1);
    expect(client.received.at(-1)).toEqual({ id: 1, data: 'at last' });
  });

  it('with the same id each get a reply', async () => {
    client.send('value', 'one', 1);
    await answersTo({ event: 'value', data: 'two', id: 1 });
    expect(client.received.filter(({ id }) => id === 1).map(({ data }) => data)).toEqual(['one', 'two']);
  });

  it('whose handler invokes the client complete when the client replies', async () => {
    client.send('ask back', 'why?', 'outer');
    const question = await client.next('question');
    expect(question.data).toBe('why?');
    answer(client, question, 'because');
    expect(await client.next()).toEqual({ id: 'outer', data: { answered: 'because' } });
  });

  it('whose handler invokes the client fail when the client replies with an error', async () => {
    client.send('ask back', 'why?', 'outer');
    answerWithError(client, await client.next('question'), 'no');
    expect(await client.next()).toEqual({
      id: 'outer',
      error: expect.objectContaining({ status: 'error' }) as object,
    });
  });
});
