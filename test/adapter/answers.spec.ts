import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { EMPTY, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Delivery } from '../../lib/routing/delivery.js';
import { answering, answers, connectAnswering, type Handle, received } from '../support/answering-gateway.js';
import type { CodecClient, CodecName } from '../support/codec-client.js';
import { useLog } from '../support/logged.js';
import { useTestFarm } from '../support/test-farm.js';

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
        answering.handle = result;
        client.send({ event: 'ask' });
        answers(client, 'ask');
        expect(await received(client)).toEqual([{ id: 7, data: null }]);
        expect([escaped, log.errors]).toEqual([[], []]);
      },
    );

    it.each(valueless)('%s as the data of an event leaves the event without data', async (_name, result) => {
      const client = await connect(codec);
      answering.handle = () => ({ event: 'told', data: result() });
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
      answering.handle = (_client, ack) => ack(() => 1);
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
      answering.handle = make(value);
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
      answering.handle = () => circular;
      for (let times = 0; times < 100; times++) client.send({ event: 'ask' });
      const all = await received(client);
      expect(all).toHaveLength(100);
      expect(all[99]).toEqual({ event: 'exception', data: ERROR });
      expect(log.errors.length).toBeGreaterThan(0);
      expect(log.errors.length).toBeLessThan(4);
    });

    it('keeps nothing from what the Observable says after it', async () => {
      const client = await connect(codec);
      answering.handle = () => of('a', 1n, 'b');
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
    answering.handle = (connection) => void emit(connection);
    answers(client, 'ask');
    expect(await received(client)).toEqual([{ id: 7, error: ERROR }]);
  });
});

it('a date, bytes and what toJSON makes are sent as each protocol has it', async () => {
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
