import { type ArgumentsHost, Catch, type ExceptionFilter, UseFilters } from '@nestjs/common';
import {
  Ack,
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
} from '@nestjs/websockets';
import { concat, EMPTY, NEVER, of, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Deferred } from '../../lib/bus/deferred.js';
import { Delivery } from '../../lib/routing/delivery.js';
import { startOurs } from '../support/adapters.js';
import { CodecClient, type CodecName } from '../support/codec-client.js';
import { useLog } from '../support/logged.js';
import { turn, useTestFarm } from '../support/test-farm.js';

/** What the handler does, with its client and the function of `@Ack()`. */
type Handle = (client: BackplaneConnection, ack: (value: unknown) => void) => unknown;
let handle: Handle;

class Refusal extends Error {}

/** It emits when it has looked something up. */
@Catch(Refusal)
class LateFilter implements ExceptionFilter<Refusal> {
  async catch(_error: Refusal, host: ArgumentsHost): Promise<void> {
    await turn();
    await host.switchToWs().getClient<BackplaneConnection>().emit('exception', { late: true });
  }
}

@WebSocketGateway({ path: '/chat' })
class AnsweringGateway {
  @SubscribeMessage('ask')
  ask(@ConnectedSocket() client: BackplaneConnection): unknown {
    return handle(client, () => undefined);
  }

  @SubscribeMessage('ack')
  ack(@ConnectedSocket() client: BackplaneConnection, @Ack() ack: (value: unknown) => void): unknown {
    return handle(client, ack);
  }

  @UseFilters(LateFilter)
  @SubscribeMessage('filtered late')
  filteredLate(): never {
    throw new Refusal();
  }

  @SubscribeMessage('mark')
  mark(@MessageBody() data: unknown) {
    return { event: 'mark', data };
  }
}

const farm = useTestFarm();
const log = useLog();

async function connect(codec: CodecName = 'json'): Promise<CodecClient> {
  const server = await startOurs(farm, { protocols: ['json', 'msgpack'] }, AnsweringGateway);
  const client = await CodecClient.open(`ws://127.0.0.1:${server.port}/chat`, codec);
  farm.onEnd(() => client.socket.terminate());
  return client;
}

/** All that the client has got when what it sent before is done with; timers of 0 ms included. */
async function received(client: CodecClient): Promise<unknown[]> {
  for (const mark of [1, 2]) {
    client.send({ event: 'mark', data: mark });
    await client.message(({ event, data }) => event === 'mark' && data === mark);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return client.received.filter(({ event }) => event !== 'mark');
}

const answers = (client: CodecClient, event: string, data?: unknown): void =>
  client.send({ event, data, id: 7 });
/** Opens a stream that is the answer to the frame `open`. */
async function open(client: CodecClient, stream: Handle): Promise<void> {
  handle = stream;
  client.send({ event: 'ask', id: 'open' });
  await received(client);
}

const ERROR = { status: 'error', message: 'Internal server error' };
const circular: Record<string, unknown> = {};
circular.self = circular;
class Gone {
  toJSON(): undefined {
    return undefined;
  }
}
const valueless: [name: string, result: () => unknown][] = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['a function', () => () => 1],
  ['a class', () => Gone],
  ['a symbol', () => Symbol('s')],
  ['an object whose toJSON gives nothing', () => new Gone()],
  ['an object whose own toJSON gives nothing', () => ({ toJSON: () => undefined })],
  ['an object whose toJSON gives a function', () => ({ toJSON: () => () => 1 })],
];
const nothing: typeof valueless = [
  ...valueless,
  ['a promise of a function', () => Promise.resolve(() => 1)],
  ['an Observable of a function', () => of(() => 1)],
  ['an empty Observable', () => EMPTY],
  ['a Delivery', () => new Delivery(1, 'accepted')],
];

describe.each<CodecName>(['json', 'msgpack'])('in %s', (codec) => {
  describe('a result of which nothing can be sent', () => {
    it.each(nothing)(
      '%s is the data null for a frame with an id, and no message without',
      async (_name, result) => {
        const escaped = farm.escapes();
        const client = await connect(codec);
        handle = result;
        client.send({ event: 'ask' });
        answers(client, 'ask');
        expect(await received(client)).toEqual([{ id: 7, data: null }]);
        expect([escaped, log.errors]).toEqual([[], []]);
      },
    );

    it.each(valueless)('%s as the data of an event leaves the event without data', async (_name, result) => {
      const client = await connect(codec);
      handle = () => ({ event: 'told', data: result() });
      client.send({ event: 'ask' });
      answers(client, 'ask');
      const [told, answer, ...others] = (await received(client)) as { event?: string; data?: unknown }[];
      expect([told?.event, told?.data ?? null, answer, others]).toEqual([
        'told',
        null,
        { id: 7, data: null },
        [],
      ]);
    });

    it('given to @Ack() is the data null', async () => {
      const client = await connect(codec);
      handle = (_client, ack) => ack(() => 1);
      answers(client, 'ack');
      expect(await received(client)).toEqual([{ id: 7, data: null }]);
    });
  });

  describe('a result that has no form in the protocol', () => {
    const unsendable: [name: string, result: unknown][] = [
      ['a bigint', 1n],
      ['a circular object', circular],
      ['a bigint inside', { a: [1n] }],
      [
        'an object whose toJSON throws',
        {
          toJSON: () => {
            throw new Error('no');
          },
        },
      ],
      ...(codec === 'json'
        ? ([
            ['NaN', NaN],
            ['Infinity', -Infinity],
          ] as [string, unknown][])
        : []),
    ];
    const ways: [name: string, event: string, handle: (value: unknown) => Handle][] = [
      ['is returned', 'ask', (value) => () => value],
      ['is the data of an event', 'ask', (value) => () => ({ event: 'told', data: value })],
      ['comes of a promise', 'ask', (value) => () => Promise.resolve(value)],
      ['comes of an Observable', 'ask', (value) => () => of(value)],
      ['is given to @Ack() at once', 'ack', (value) => (_client, ack) => ack(value)],
      ['is given to @Ack() later', 'ack', (value) => (_client, ack) => void setImmediate(() => ack(value))],
    ];

    it.each(
      unsendable.flatMap(([name, value]) =>
        ways.map(([way, event, make]) => ({ name, way, event, make, value })),
      ),
    )('$name that $way is an error for its frame, and a line in the log', async ({ event, make, value }) => {
      const escaped = farm.escapes();
      const client = await connect(codec);
      handle = make(value);
      answers(client, event);
      expect(await received(client)).toEqual([{ id: 7, error: ERROR }]);
      expect(escaped).toEqual([]);
      expect(log.errors).toEqual([
        [
          expect.stringContaining(`What the handler of '${event}' answered cannot be encoded as ${codec}: `),
          expect.any(String),
        ],
      ]);
    });

    it('is an `exception` without an id, and of a flood of them few lines are logged', async () => {
      const client = await connect(codec);
      handle = () => circular;
      for (let times = 0; times < 100; times++) client.send({ event: 'ask' });
      const all = await received(client);
      expect(all).toHaveLength(100);
      expect(all[99]).toEqual({ event: 'exception', data: ERROR });
      expect(log.errors.length).toBeGreaterThan(0);
      expect(log.errors.length).toBeLessThan(4);
    });

    it('keeps nothing from what the Observable says after it', async () => {
      const client = await connect(codec);
      handle = () => of('a', 1n, 'b');
      client.send({ event: 'ask' });
      expect(await received(client)).toEqual(['a', { event: 'exception', data: ERROR }, 'b']);
    });
  });

  it.each<[name: string, emit: (client: BackplaneConnection) => unknown]>([
    ['nothing', (client) => client.emit('exception')],
    ['null', (client) => client.emit('exception', null)],
    ['a function', (client) => client.emit('exception', () => 1)],
    ['a bigint', (client) => client.emit('exception', 1n)],
    ['a circular object', (client) => client.emit('exception', circular)],
  ])('an exception that is %s is still an error for its frame', async (_name, emit) => {
    const client = await connect(codec);
    handle = (connection) => void emit(connection);
    answers(client, 'ask');
    expect(await received(client)).toEqual([{ id: 7, error: ERROR }]);
  });
});

it('a date, bytes and what toJSON makes are sent as each protocol has it', async () => {
  const results: unknown[] = [];
  const [date, bytes] = [new Date(0), Buffer.from([1, 2])];
  let calls = 0;
  const money = { toJSON: () => `${++calls} euros` };
  handle = () => results.shift();
  for (const codec of ['json', 'msgpack'] as const) {
    const client = await connect(codec);
    results.push(date, bytes);
    answers(client, 'ask');
    answers(client, 'ask');
    const [first, second] = (await received(client)) as { data: unknown }[];
    expect([first?.data, second?.data]).toEqual(
      codec === 'json' ? [date.toJSON(), bytes.toJSON()] : [date, new Uint8Array(bytes)],
    );
  }
  const client = await connect();
  results.push(money);
  answers(client, 'ask');
  expect(await received(client)).toEqual([{ id: 7, data: '1 euros' }]);
});

describe('an `exception` that is emitted when its frame has been answered', () => {
  it.each<[name: string, event: string, handle: (later: Promise<void>) => Handle]>([
    [
      'by work that the handler left running',
      'ask',
      (later) => (client) => {
        void later.then(() => client.emit('exception', 'later'));
        return 'answer';
      },
    ],
    [
      'after the handler has answered by @Ack()',
      'ack',
      (later) => async (client, ack) => {
        ack('answer');
        await later;
        await client.emit('exception', 'later');
      },
    ],
    [
      'while another frame’s stream is pending',
      'ask',
      (later) => (client) => {
        void later.then(() => client.emit('exception', 'later'));
        return of('answer');
      },
    ],
  ])('%s reaches the client as a message', async (_name, event, make) => {
    const client = await connect();
    await open(client, () => NEVER);
    const later = new Deferred();
    handle = make(later.promise);
    answers(client, event);
    await client.message(({ id }) => id === 7);
    later.resolve();
    expect(await received(client)).toEqual([
      { id: 7, data: 'answer' },
      { event: 'exception', data: 'later' },
    ]);
  });

  it('by a handler that throws after it has answered by @Ack() reaches the client as a message', async () => {
    const client = await connect();
    handle = (_client, ack) => {
      ack('answer');
      throw new WsException('too late');
    };
    answers(client, 'ack');
    expect(await received(client)).toEqual([
      { id: 7, data: 'answer' },
      { event: 'exception', data: expect.objectContaining({ message: 'too late' }) as unknown },
    ]);
  });

  it('by a stream that fails after @Ack() was called reaches the client as a message', async () => {
    const client = await connect();
    handle = (_client, ack) => {
      ack('answer');
      return throwError(() => new WsException('too late'));
    };
    answers(client, 'ack');
    expect(await received(client)).toEqual([
      { id: 7, data: 'answer' },
      { event: 'exception', data: expect.objectContaining({ message: 'too late' }) as unknown },
    ]);
  });

  it('by a filter that is slow reaches the client as a message', async () => {
    const client = await connect();
    answers(client, 'filtered late');
    expect(await received(client)).toEqual([
      { id: 7, data: null },
      { event: 'exception', data: { late: true } },
    ]);
  });

  it('counts who got it', async () => {
    const client = await connect();
    const [later, outcome] = [new Deferred(), new Deferred<unknown>()];
    handle = (connection) => {
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
  it('answers that frame, and not the one whose handler caused it', async () => {
    const client = await connect();
    const shared = new Subject<unknown>();
    await open(client, () => shared);
    handle = () => {
      shared.error(new WsException('ends'));
      return 'answer';
    };
    answers(client, 'ask');
    expect(await received(client)).toEqual([
      { id: 'open', error: expect.objectContaining({ message: 'ends' }) as unknown },
      { id: 7, data: 'answer' },
    ]);
  });

  it('answers each of several frames of several clients', async () => {
    const server = await startOurs(farm, {}, AnsweringGateway);
    const clients = await Promise.all(
      [1, 2].map(() => CodecClient.open(`ws://127.0.0.1:${server.port}/chat`, 'json')),
    );
    for (const client of clients) farm.onEnd(() => client.socket.terminate());
    const shared = new Subject<unknown>();
    handle = () => shared;
    for (const client of clients) for (const id of [1, 2]) client.send({ event: 'ask', id });
    for (const client of clients) await received(client);
    shared.error(new WsException('ends'));
    for (const client of clients)
      expect(await received(client)).toEqual(
        [1, 2].map((id) => ({ id, error: expect.objectContaining({ message: 'ends' }) as unknown })),
      );
  });

  it('is told from others that are emitted in the same tick, of which none is lost', async () => {
    const client = await connect();
    await open(client, () => NEVER);
    handle = (connection) => {
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
});
