import { beforeEach, describe, expect, it } from 'vitest';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import type { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { InvalidCloseError } from '../../lib/broadcast/close-code.js';
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

/** What a caller without types may give. */
const anything = (value: unknown): never => value as never;

describe('an event that is no name', () => {
  it.each([undefined, null, '', 7, {}, ['hi'], Symbol('hi')])(
    'is refused, as %s, wherever it is given',
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
      // An emit that nobody awaits harms nobody.
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

describe('an option of invoke', () => {
  it.each<[name: string, options: unknown, argument: string]>([
    ['timeout Infinity', { timeout: Infinity }, 'timeout'],
    ['timeout NaN', { timeout: NaN }, 'timeout'],
    ['timeout -1', { timeout: -1 }, 'timeout'],
    ['timeout 0', { timeout: 0 }, 'timeout'],
    ['timeout 1.5', { timeout: 1.5 }, 'timeout'],
    ['timeout 2^31', { timeout: 2 ** 31 }, 'timeout'],
    ['timeout "100"', { timeout: '100' }, 'timeout'],
    ['timeout null', { timeout: null }, 'timeout'],
    ['a signal that is none', { signal: new AbortController() }, 'signal'],
    ['parse that is no function', { parse: {} }, 'parse'],
    ['options that are a number', 5000, 'options'],
    ['options that are null', null, 'options'],
    ['options that are a list', [], 'options'],
  ])('%s rejects at once and names it, and the client is not asked', async (_name, options, argument) => {
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
  });

  it('timeout 2^31 - 1 is as long as it gets, and does not expire at once', async () => {
    const asked = connection.invoke('ask', 1, { timeout: 2 ** 31 - 1 });
    const { id } = await client.next('ask');
    client.sendRaw(JSON.stringify({ id, data: 'here' }));
    expect(await asked).toBe('here');
  });
});

describe('other arguments', () => {
  it.each([new Date(NaN), 'tomorrow', 0, undefined, {}])(
    'renew refuses %s, and keeps the client',
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
    [1000, 'x'.repeat(124)],
    [1000, 7],
  ])('close refuses the code %s with the reason %s', async (code, reason) => {
    expect(() => connection.close(anything(code), anything(reason))).toThrow(InvalidCloseError);
    await expect(broadcaster.disconnect(anything(code), anything(reason))).rejects.toThrow(InvalidCloseError);
    await delivered(server, client);
  });

  it.each([undefined, null, '', 7, {}, ['a', 'b']])(
    'a name that is %s is refused everywhere',
    async (name) => {
      const given = anything(name);
      for (const call of [
        () => broadcaster.group(given),
        () => broadcaster.user(given),
        () => broadcaster.connection(given),
        () => broadcaster.except(given),
        () => broadcaster.exceptGroup(given),
      ])
        expect(call).toThrow(InvalidNameError);
      for (const call of [
        () => connection.join(given),
        () => connection.leave(given),
        () => broadcaster.join(given),
        () => broadcaster.leave(given),
      ])
        await expect(call()).rejects.toThrow(InvalidNameError);
    },
  );

  it('a list of names that was not spread is told how to give it', () => {
    expect(() => broadcaster.group(anything(['a', 'b']))).toThrow('group(...names)');
  });

  it.each([undefined, null, {}, /chat/, 7, Map])('gateway refuses %s', (gateway) => {
    expect(() => broadcaster.gateway(anything(gateway))).toThrow(/is not a gateway/);
  });

  it.each(['/chat room', '/chat?x', '/chät', '/chat#x', '/chat%2'])('gateway refuses the path %s', (path) => {
    expect(() => broadcaster.gateway(path)).toThrow(/has characters that no URL has/);
  });
});

it.each([Infinity, NaN, -1, 2 ** 60])('a varint of %s is refused, and not written without end', (value) => {
  expect(() => new ByteWriter().varint(value)).toThrow(RangeError);
});
