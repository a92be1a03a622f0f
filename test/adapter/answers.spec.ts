import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { EMPTY, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Delivery } from '../../lib/routing/delivery.js';
import { answering, answers, connectAnswering, type Handle, received } from '../support/answering-gateway.js';
import type { CodecClient, CodecName } from '../support/codec-client.js';
import { useLog } from '../support/logged.js';
import { useTestFarm } from '../support/test-farm.js';
import { HAS_ACK } from '../support/nest-release.js';

const farm = useTestFarm();
const log = useLog();
const connect = (codec?: CodecName): Promise<CodecClient> => connectAnswering(farm, codec);

const ERROR = { status: 'error', message: 'Internal server error' };
const circular: Record<string, unknown> = {};
circular.self = circular;
class Gone {
  toJSON(): undefined {
    return undefined;
  }
}
const WITHOUT_DATA: [name: string, result: () => unknown][] = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['a function', () => () => 1],
  ['a class', () => Gone],
  ['a symbol', () => Symbol('s')],
  ['an instance whose toJSON returns undefined', () => new Gone()],
  ['an object literal whose toJSON returns undefined', () => ({ toJSON: () => undefined })],
  ['an object whose toJSON returns a function', () => ({ toJSON: () => () => 1 })],
];
const WITHOUT_RESULT: typeof WITHOUT_DATA = [
  ...WITHOUT_DATA,
  ['a promise of a function', () => Promise.resolve(() => 1)],
  ['an Observable of a function', () => of(() => 1)],
  ['an empty Observable', () => EMPTY],
  ['a Delivery', () => new Delivery(1, 'accepted')],
];

describe.each<CodecName>(['json', 'msgpack'])('in %s', (codec) => {
  describe('a result without a sendable value', () => {
    it.each(WITHOUT_RESULT)(
      'such as %s answers a frame that has an id with null, and sends nothing without an id',
      async (_name, result) => {
        const escaped = farm.escapes();
        const client = await connect(codec);
        answering.handle = result;
        client.send({ event: 'ask' });
        answers(client, 'ask');
        expect(await received(client)).toEqual([{ id: 7, data: null }]);
        expect([escaped, log.errors]).toEqual([[], []]);
      },
    );

    it.each(WITHOUT_DATA)(
      'such as %s as the data of an event sends the event without data',
      async (_name, result) => {
        const client = await connect(codec);
        answering.handle = () => ({ event: 'notice', data: result() });
        client.send({ event: 'ask' });
        answers(client, 'ask');
        const [notice, answer, ...others] = (await received(client)) as { event?: string; data?: unknown }[];
        expect([notice?.event, notice?.data ?? null, answer, others]).toEqual([
          'notice',
          null,
          { id: 7, data: null },
          [],
        ]);
      },
    );

    it.runIf(HAS_ACK)('that is passed to @Ack() is sent as null', async () => {
      const client = await connect(codec);
      answering.handle = (_client, ack) => ack(() => 1);
      answers(client, 'ack');
      expect(await received(client)).toEqual([{ id: 7, data: null }]);
    });
  });

  describe('a result that the client protocol cannot encode', () => {
    const unsendable: [name: string, result: unknown][] = [
      ['a bigint', 1n],
      ['a circular object', circular],
      ['a nested bigint', { a: [1n] }],
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
      ['is the data of an event', 'ask', (value) => () => ({ event: 'notice', data: value })],
      ['is the value of a promise', 'ask', (value) => () => Promise.resolve(value)],
      ['is emitted by an Observable', 'ask', (value) => () => of(value)],
      ['is passed to @Ack() synchronously', 'ack', (value) => (_client, ack) => ack(value)],
      ['is passed to @Ack() later', 'ack', (value) => (_client, ack) => void setImmediate(() => ack(value))],
    ];

    it.each(
      unsendable.flatMap(([name, value]) =>
        ways
          .filter(([, event]) => HAS_ACK || event !== 'ack')
          .map(([way, event, make]) => ({ name, way, event, make, value })),
      ),
    )(
      'like $name that $way answers its frame with an error, which is logged',
      async ({ event, make, value }) => {
        const escaped = farm.escapes();
        const client = await connect(codec);
        answering.handle = make(value);
        answers(client, event);
        expect(await received(client)).toEqual([{ id: 7, error: ERROR }]);
        expect(escaped).toEqual([]);
        expect(log.errors).toEqual([
          [
            expect.stringContaining(
              `The output of the handler of '${event}' cannot be encoded as ${codec}: `,
            ),
            expect.any(String),
          ],
        ]);
      },
    );

    it('is sent as an `exception` without an id, and a flood of them logs only a few lines', async () => {
      const client = await connect(codec);
      answering.handle = () => circular;
      for (let times = 0; times < 100; times++) client.send({ event: 'ask' });
      const all = await received(client);
      expect(all).toHaveLength(100);
      expect(all[99]).toEqual({ event: 'exception', data: ERROR });
      expect(log.errors.length).toBeGreaterThan(0);
      expect(log.errors.length).toBeLessThan(4);
    });

    it('does not stop its Observable: later values are still sent', async () => {
      const client = await connect(codec);
      answering.handle = () => of('a', 1n, 'b');
      client.send({ event: 'ask' });
      expect(await received(client)).toEqual(['a', { event: 'exception', data: ERROR }, 'b']);
    });
  });

  it.each<[name: string, emit: (client: BackplaneConnection) => unknown]>([
    ['undefined', (client) => client.emit('exception')],
    ['null', (client) => client.emit('exception', null)],
    ['a function', (client) => client.emit('exception', () => 1)],
    ['a bigint', (client) => client.emit('exception', 1n)],
    ['a circular object', (client) => client.emit('exception', circular)],
  ])('an `exception` with %s as its data still answers the frame with an error', async (_name, emit) => {
    const client = await connect(codec);
    answering.handle = (connection) => void emit(connection);
    answers(client, 'ask');
    expect(await received(client)).toEqual([{ id: 7, error: ERROR }]);
  });
});

it('dates and bytes are encoded in the way of each client protocol, and toJSON is called once', async () => {
  const results: unknown[] = [];
  const [date, bytes] = [new Date(0), Buffer.from([1, 2])];
  let calls = 0;
  const money = { toJSON: () => `${++calls} euros` };
  answering.handle = () => results.shift();
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
