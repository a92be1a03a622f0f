import { beforeEach, describe, expect, it } from 'vitest';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { NotAGatewayError } from '../../lib/broadcast/broadcast.errors.js';
import type { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { InvalidCloseError } from '../../lib/broadcast/close-code.js';
import { gatewayPath } from '../../lib/broadcast/gateway-path.js';
import { ByteWriter } from '../../lib/protocol/byte-writer.js';
import { InvalidNameError } from '../../lib/protocol/channel-names.js';
import { InvalidArgumentError } from '../../lib/protocol/invalid-argument.error.js';
import type { ChatServer } from '../support/chat-app.js';
import { collect } from '../support/observe.js';
import { delivered, onlyConnection, turn, useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

const farm = useTestFarm();
let server: ChatServer;
let client: WsClient;
let broadcaster: Broadcaster;
let connection: BackplaneConnection;

beforeEach(async () => {
  server = await farm.server();
  client = await farm.client(server);
  broadcaster = server.broadcaster;
  connection = onlyConnection(server);
});

/** An argument of any type, as JavaScript code can pass it. */
const anything = (value: unknown): never => value as never;

describe('an invalid event name', () => {
  it.each([undefined, null, '', 7, {}, ['hi'], Symbol('hi'), 'ü'.repeat(2049), 'a\ud83d'])(
    'is refused by every method that takes an event: %s',
    async (event) => {
      const escaped = farm.escapes();
      const errors = collect(server.backplane.errors$);
      const name = event as string;
      const calls = [
        () => broadcaster.emit(name, 1),
        () => broadcaster.group('g').emit(name, 1),
        () => connection.emit(name, 1),
        () => connection.invoke(name),
        () => broadcaster.connection(connection.id).invoke(name),
        () => broadcaster.invokeAll(name),
      ];
      for (const call of calls)
        await expect(call()).rejects.toMatchObject({ name: 'InvalidArgumentError', argument: 'event' });
      // An emit that is not awaited must not cause an unhandled rejection.
      void broadcaster.emit(name, 1);
      void connection.emit(name, 1);
      await turn();
      expect(escaped).toEqual([]);
      await expect.poll(() => errors.values.length).toBe(5);
      await delivered(server, client);
      expect(client.received.map(({ event: received }) => received)).toHaveLength(1);
    },
  );
});

describe('the options of invoke', () => {
  it.each<[name: string, options: unknown, argument: string]>([
    ['timeout Infinity', { timeout: Infinity }, 'timeout'],
    ['timeout NaN', { timeout: NaN }, 'timeout'],
    ['timeout -1', { timeout: -1 }, 'timeout'],
    ['timeout 0', { timeout: 0 }, 'timeout'],
    ['timeout 1.5', { timeout: 1.5 }, 'timeout'],
    ['timeout 2^31', { timeout: 2 ** 31 }, 'timeout'],
    ['timeout "100"', { timeout: '100' }, 'timeout'],
    ['timeout null', { timeout: null }, 'timeout'],
    ['timeout 5n', { timeout: 5n }, 'timeout'],
    ['an unknown option', { timeoutMs: 5000 }, 'options'],
    ['a signal that is not an AbortSignal', { signal: new AbortController() }, 'signal'],
    ['parse that is not a function', { parse: {} }, 'parse'],
    ['options that are a number', 5000, 'options'],
    ['options that are null', null, 'options'],
    ['options that are a list', [], 'options'],
    ['options that are a function', () => ({}), 'options'],
  ])(
    'are refused with an error that names the argument, and no request is sent: %s',
    async (_name, options, argument) => {
      const given = anything(options);
      for (const call of [
        () => connection.invoke('ask', 1, given),
        () => broadcaster.connection(connection.id).invoke('ask', 1, given),
        () => broadcaster.invokeAll('ask', 1, given),
      ]) {
        const rejected = expect(call()).rejects;
        await rejected.toBeInstanceOf(InvalidArgumentError);
        await expect(call()).rejects.toMatchObject({ argument });
      }
      await delivered(server, client);
      expect(client.dataOf('ask')).toEqual([]);
    },
  );

  it('allow a timeout of up to 2^31 - 1 ms, which does not expire at once', async () => {
    const invoked = connection.invoke('ask', 1, { timeout: 2 ** 31 - 1 });
    const { id } = await client.next('ask');
    client.sendRaw(JSON.stringify({ id, data: 'here' }));
    expect(await invoked).toBe('here');
  });
});

describe('the data of an emit or a request', () => {
  it.each([() => 1, Map, Symbol('data')])('is refused, not dropped, if it is %s', async (data) => {
    const given = anything(data);
    for (const call of [
      () => broadcaster.emit('hi', given),
      () => broadcaster.local.group('g').volatile.emit('hi', given),
      () => connection.emit('hi', given),
      () => connection.invoke('hi', given),
      () => broadcaster.invokeAll('hi', given),
    ])
      await expect(call()).rejects.toMatchObject({ name: 'InvalidArgumentError', argument: 'data' });
    await delivered(server, client);
    expect(client.received).toHaveLength(1);
  });

  it.each([undefined, null, 0, '', false])('may be %s', async (data) => {
    expect((await broadcaster.emit('hi', data)).local).toBe(1);
    expect(await client.next('hi')).toEqual(data === undefined ? { event: 'hi' } : { event: 'hi', data });
  });

  it.each<[name: string, data: unknown]>([
    [
      'a getter that throws',
      {
        get cause(): never {
          throw new Error('no');
        },
      },
    ],
    [
      'a getter that throws an object that cannot be printed',
      {
        get cause(): never {
          throw Object.create(null);
        },
      },
    ],
    [
      'toJSON that throws an object that cannot be printed',
      {
        toJSON: () => {
          throw Object.create(null);
        },
      },
    ],
    ['a bigint', { count: 1n }],
  ])('rejects an emit if it cannot be encoded, but never throws: %s', async (_name, data) => {
    const escaped = farm.escapes();
    const errors = collect(server.backplane.errors$);
    const calls = [
      broadcaster.emit('hi', data),
      broadcaster.local.emit('hi', data),
      connection.emit('hi', data),
      connection.emit('exception', data),
    ];
    await turn();
    await turn();
    expect(escaped).toEqual([]);
    for (const call of calls) await expect(call).rejects.toThrow(Error);
    expect(errors.values.length).toBeGreaterThanOrEqual(calls.length);
    await delivered(server, client);
  });
});

describe('other arguments', () => {
  it.each([new Date(NaN), 'tomorrow', 0, undefined, {}])(
    'renew refuses %s, and the client stays connected',
    async (expiresAt) => {
      expect(() => connection.renew(anything(expiresAt))).toThrow(InvalidArgumentError);
      await delivered(server, client);
    },
  );

  it.each<[code: unknown, reason: unknown]>([
    [999, ''],
    [1005, ''],
    [2000, ''],
    [5000, ''],
    [NaN, ''],
    ['1000', ''],
    [Symbol('1000'), ''],
    [1000n, ''],
    [null, ''],
    [1000, null],
    [1000, 'x'.repeat(124)],
    [1000, 7],
  ])('close refuses the code %s with the reason %s', async (code, reason) => {
    expect(() => connection.close(anything(code), anything(reason))).toThrow(InvalidCloseError);
    await expect(broadcaster.disconnect(anything(code), anything(reason))).rejects.toThrow(InvalidCloseError);
    await delivered(server, client);
  });

  it.each([undefined, null, '', 7, {}, ['a', 'b']])('every method refuses the name %s', async (name) => {
    const given = anything(name);
    for (const call of [
      () => broadcaster.group(given),
      () => broadcaster.user(given),
      () => broadcaster.connection(given),
      () => broadcaster.except(given),
      () => broadcaster.exceptGroup(given),
    ])
      expect(call).toThrow(InvalidNameError);
    const arguments_ = ['group', 'user', 'connection'] as const;
    for (const argument of arguments_)
      expect(() => broadcaster[argument](given)).toThrow(expect.objectContaining({ argument }));
    for (const call of [
      () => connection.join(given),
      () => connection.leave(given),
      () => broadcaster.join(given),
      () => broadcaster.leave(given),
    ])
      await expect(call()).rejects.toThrow(InvalidNameError);
  });

  it('the error for an array of names says that it must be spread', () => {
    expect(() => broadcaster.group(anything(['a', 'b']))).toThrow('group(...names)');
  });

  it.each([Map, () => undefined])('gateway refuses %s, which is not a gateway class', (gateway) => {
    expect(() => broadcaster.gateway(anything(gateway))).toThrow(NotAGatewayError);
  });

  it.each([
    undefined,
    null,
    {},
    /chat/,
    7,
    ['/chat'],
    '',
    'chat x',
    '/chat room',
    '/chat?x',
    '/chät',
    '/chat#x',
    '/chat\n',
    '/chat%2',
    '/chat%zz',
    '/a/../chat',
    '/./chat',
    '99999/chat',
    `/${'x'.repeat(4096)}`,
  ])('gateway refuses %s', (gateway) => {
    expect(() => broadcaster.gateway(anything(gateway))).toThrow(
      expect.objectContaining({ name: 'InvalidArgumentError', argument: 'gateway' }),
    );
  });

  it('gateway reads leading digits as a port only if they end there or a slash follows', async () => {
    for (const path of ['chat', '/chat', '/chat/']) {
      expect((await broadcaster.gateway(path).emit('hi')).local).toBe(1);
      expect(
        (await broadcaster.gateway(`8081${path.startsWith('/') ? path : `/${path}`}`).emit('hi')).local,
      ).toBe(0);
    }
    expect(gatewayPath('8081/chat')).toBe('8081/chat');
    expect(gatewayPath('8081')).toBe('8081/');
    expect(gatewayPath('2024-room')).toBe('/2024-room');
  });
});

it.each([
  Infinity,
  NaN,
  -1,
  1.5,
  2 ** 60,
  anything('100'),
  anything(null),
  anything(5n),
  anything(undefined),
])('a varint of %s is refused instead of being written endlessly', (value) => {
  expect(() => new ByteWriter().varint(value)).toThrow(RangeError);
});
