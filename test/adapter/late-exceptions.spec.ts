import { WsException } from '@nestjs/websockets';
import { concat, NEVER, of, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import { Delivery } from '../../lib/routing/delivery.js';
import { startOurs } from '../support/adapters.js';
import {
  answering,
  AnsweringGateway,
  answers,
  connectAnswering,
  type Handle,
  received,
} from '../support/answering-gateway.js';
import { CodecClient } from '../support/codec-client.js';
import { useTestFarm } from '../support/test-farm.js';
import { HAS_ACK } from '../support/nest-release.js';

const farm = useTestFarm();
const connect = (): Promise<CodecClient> => connectAnswering(farm);

/** Sends a frame with the id `open`, which `stream` answers. */
async function open(client: CodecClient, stream: Handle): Promise<void> {
  answering.handle = stream;
  client.send({ event: 'ask', id: 'open' });
  await received(client);
}

describe('an `exception` that is emitted after its frame has been answered', () => {
  const ways: [name: string, event: string, handle: (later: Promise<void>) => Handle][] = [
    [
      'by background work of the handler',
      'ask',
      (later) => (client) => {
        void later.then(() => client.emit('exception', 'later'));
        return 'answer';
      },
    ],
    [
      'by a handler that continues after @Ack()',
      'ack',
      (later) => async (client, ack) => {
        ack('answer');
        await later;
        await client.emit('exception', 'later');
      },
    ],
    [
      'by background work of a handler that returned an Observable',
      'ask',
      (later) => (client) => {
        void later.then(() => client.emit('exception', 'later'));
        return of('answer');
      },
    ],
  ];

  it.each(ways.filter(([, event]) => HAS_ACK || event !== 'ack'))(
    '%s reaches the client as a message',
    async (_name, event, make) => {
      const client = await connect();
      await open(client, () => NEVER);
      const later = new Deferred();
      answering.handle = make(later.promise);
      answers(client, event);
      await client.message(({ id }) => id === 7);
      later.resolve();
      expect(await received(client)).toEqual([
        { id: 7, data: 'answer' },
        { event: 'exception', data: 'later' },
      ]);
    },
  );

  it.runIf(HAS_ACK)('by a handler that throws after @Ack() reaches the client as a message', async () => {
    const client = await connect();
    answering.handle = (_client, ack) => {
      ack('answer');
      throw new WsException('too late');
    };
    answers(client, 'ack');
    expect(await received(client)).toEqual([
      { id: 7, data: 'answer' },
      { event: 'exception', data: expect.objectContaining({ message: 'too late' }) as unknown },
    ]);
  });

  it.runIf(HAS_ACK)('by a stream that fails after @Ack() reaches the client as a message', async () => {
    const client = await connect();
    answering.handle = (_client, ack) => {
      ack('answer');
      return throwError(() => new WsException('too late'));
    };
    answers(client, 'ack');
    expect(await received(client)).toEqual([
      { id: 7, data: 'answer' },
      { event: 'exception', data: expect.objectContaining({ message: 'too late' }) as unknown },
    ]);
  });

  it('by a slow filter reaches the client as a message', async () => {
    const client = await connect();
    answers(client, 'filtered late');
    expect(await received(client)).toEqual([
      { id: 7, data: null },
      { event: 'exception', data: { late: true } },
    ]);
  });

  it('keeps its place among other messages while a stream is pending', async () => {
    const client = await connect();
    await open(client, () => NEVER);
    const later = new Deferred();
    answering.handle = (connection) => {
      void later.promise.then(() => {
        for (const event of ['before', 'exception', 'after']) void connection.emit(event);
      });
      return 'answer';
    };
    answers(client, 'ask');
    await client.message(({ id }) => id === 7);
    later.resolve();
    expect((await received(client)).slice(1)).toEqual(
      ['before', 'exception', 'after'].map((event) => ({ event })),
    );
  });

  it('in the same tick as others reaches the client as a message, and so do the others', async () => {
    const client = await connect();
    await open(client, () => NEVER);
    answering.handle = (connection) => {
      setImmediate(() => {
        for (const data of ['one', 'two', 'three']) void connection.emit('exception', data);
      });
      return concat(of('answer'));
    };
    answers(client, 'ask');
    expect(await received(client)).toEqual([
      { id: 7, data: 'answer' },
      ...['one', 'two', 'three'].map((data) => ({ event: 'exception', data })),
    ]);
  });

  it('resolves with 0 recipients if its client has disconnected', async () => {
    const client = await connect();
    const [later, outcome] = [new Deferred(), new Deferred<unknown>()];
    answering.handle = (connection) => {
      void later.promise.then(async () => outcome.resolve(await connection.emit('exception', 'late')));
      return 'answer';
    };
    answers(client, 'ask');
    await client.message(({ id }) => id === 7);
    await client.close();
    later.resolve();
    expect(await outcome.promise).toEqual(new Delivery(0, 'notNeeded'));
  });
});

describe('an exception that ends the stream of another frame', () => {
  it('answers that frame, not the frame whose handler caused it', async () => {
    const client = await connect();
    const shared = new Subject<unknown>();
    await open(client, () => shared);
    answering.handle = () => {
      shared.error(new WsException('ends'));
      return 'answer';
    };
    answers(client, 'ask');
    expect(await received(client)).toEqual([
      { id: 'open', error: expect.objectContaining({ message: 'ends' }) as unknown },
      { id: 7, data: 'answer' },
    ]);
  });

  it('answers every frame of every client that shares the stream', async () => {
    const server = await startOurs(farm, {}, AnsweringGateway);
    const clients = await Promise.all(
      [1, 2].map(() => CodecClient.open(`ws://127.0.0.1:${server.port}/chat`, 'json')),
    );
    for (const client of clients) farm.onEnd(() => client.socket.terminate());
    const shared = new Subject<unknown>();
    answering.handle = () => shared;
    for (const client of clients) for (const id of [1, 2]) client.send({ event: 'ask', id });
    for (const client of clients) await received(client);
    shared.error(new WsException('ends'));
    for (const client of clients)
      expect(await received(client)).toEqual(
        [1, 2].map((id) => ({ id, error: expect.objectContaining({ message: 'ends' }) as unknown })),
      );
  });
});
