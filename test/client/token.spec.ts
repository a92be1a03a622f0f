import { describe, expect, it } from 'vitest';
import { ClientError } from '../../lib/client/index.js';
import { Deferred } from '../../lib/bus/deferred.js';
import { rejection } from '../support/acceptance.js';
import { eventually } from '../support/observe.js';
import { FAST, openClient } from '../support/open-client.js';
import { ScriptedServer } from '../support/scripted-server.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

describe('a server that refuses', () => {
  const closesWith = (code: number) => (connection: { socket: { close(code: number): void } }) =>
    connection.socket.close(code);

  it('with 1008, stops the client and fails what was queued', async () => {
    const server = await ScriptedServer.start(farm, closesWith(1008));
    const client = openClient(farm, server.url, { token: 'forged' });
    const asked = rejection(client.invoke('ask'), ClientError);
    client.emit('say', 'hi');
    const { error } = await client.until('closed');
    expect(error?.code).toBe('REFUSED');
    expect((await asked).code).toBe('NOT_SENT');
    await eventually(() => expect(client.errors).toHaveLength(2));
    expect(client.errors).toMatchObject([{ code: 'NOT_SENT' }, { code: 'REFUSED' }]);
    expect(server.tokens).toEqual(['forged']);
    expect(() => client.emit('say')).toThrow('the client is closed');
  });

  it.each(['status', 'closeCode'] as const)(
    'a token with refusal %j stops it, unless the function gives another token',
    async (refusal) => {
      const seen: string[] = [];
      const server = await farm.server({
        ...farm.options(),
        refusal,
        authenticate: ({ headers }) => {
          const token = /bearer\.(\S+)/.exec(headers['sec-websocket-protocol'] ?? '')?.[1] ?? '';
          seen.push(token);
          return token === 'good' ? {} : null;
        },
      });
      const url = `ws://127.0.0.1:${server.port}/chat`;
      const fixed = openClient(farm, url, { token: 'bad' });
      expect((await fixed.until('closed')).error?.code).toBe('REFUSED');
      const same = openClient(farm, url, { token: () => 'bad' });
      expect((await same.until('closed')).error?.code).toBe('REFUSED');
      expect(seen).toEqual(['bad', 'bad']);

      const tokens = ['bad', 'worse', 'good'];
      const renewed = openClient(farm, url, { token: () => Promise.resolve(tokens.shift()) });
      renewed.emit('say', 'kept until the token was accepted');
      expect(await renewed.invoke('id')).toBeTypeOf('string');
      expect(seen.slice(2)).toEqual(['bad', 'worse', 'good']);
    },
  );

  it('after a connection that held, is asked again with another token only', async () => {
    const server = await ScriptedServer.start(farm);
    const tokens = ['first', 'second', 'second'];
    const client = openClient(farm, server.url, { token: () => tokens.shift() });
    for (const number of [1, 2]) {
      const connection = await server.connection(number);
      await client.until('connected');
      connection.socket.close(1008, 'expired');
      const losses = () => client.states.filter((state) => state === 'disconnected');
      await eventually(() => expect(losses()).toHaveLength(number));
    }
    expect((await client.until('closed')).error?.message).toBe('Closed with 1008. expired');
    expect(server.tokens).toEqual(['first', 'second']);
  });
});

describe('a token function', () => {
  it('that fails is reported and asked again', async () => {
    const server = await ScriptedServer.start(farm);
    const answers = [
      () => Promise.reject(new Error('offline')),
      () => {
        throw new Error('still');
      },
      () => 'token',
    ];
    const client = openClient(farm, server.url, { token: () => answers.shift()?.() });
    await client.until('connected');
    expect(client.errors).toEqual([new Error('offline'), new Error('still')]);
    expect(server.tokens).toEqual(['token']);
  });

  it('that throws in the first attempt fails only that attempt', async () => {
    const server = await ScriptedServer.start(farm);
    const answers = [
      () => {
        throw new TypeError('there is no session yet');
      },
      () => 'token',
    ];
    const client = openClient(farm, server.url, { token: () => answers.shift()?.() });
    await client.until('connected');
    expect(server.tokens).toEqual(['token']);
  });

  it('that gives the refused token again after another failure still ends as refused', async () => {
    const server = await ScriptedServer.start(farm, ({ socket }) => socket.close(1008, 'bad token'));
    const answers = [
      () => 'bad',
      () => {
        throw new TypeError('the session cannot be read');
      },
      () => 'bad',
    ];
    const client = openClient(farm, server.url, { token: () => answers.shift()?.() });
    await client.until('closed');
    expect(client.status.error).toMatchObject({ code: 'REFUSED' });
    expect(server.tokens).toEqual(['bad']);
  });

  it('that never returns counts as a failed attempt, and its late token is not used', async () => {
    const server = await ScriptedServer.start(farm);
    const late = new Deferred<string>();
    const answers = [() => late.promise, () => 'second'];
    const client = openClient(farm, server.url, {
      token: () => answers.shift()?.(),
      heartbeat: { timeout: 20 },
      reconnect: FAST,
    });
    await client.until('disconnected');
    late.resolve('first');
    await client.until('connected');
    expect(server.tokens).toEqual(['second']);
  });
});
