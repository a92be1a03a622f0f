import { decode, encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { ClientError, type ConnectOptions } from '../../lib/client/index.js';
import { ClientResultError } from '../../lib/routing/request.errors.js';
import { rejection, useRedis } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { eventually } from '../support/observe.js';
import { openClient, type WatchedClient } from '../support/open-client.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis();

const MSGPACK = { codec: { subprotocol: 'backplane.msgpack.v1', encode, decode } };

function open({ port }: { port: number }, options: ConnectOptions = {}): WatchedClient {
  return openClient(farm, `ws://127.0.0.1:${port}/chat`, options);
}

/** The next data of an event. */
function next(client: WatchedClient, event: string): Promise<unknown> {
  return new Promise((resolve) => {
    const off = client.on(event, (data) => {
      off();
      resolve(data);
    });
  });
}

describe.each([
  ['JSON', {}],
  ['MessagePack', MSGPACK],
])('the client, with a server of this library and %s', (_name, options) => {
  const serve = (): Promise<ChatServer> =>
    farm.server({ ...farm.options(redis.url), protocols: ['json', 'msgpack'] });

  it('invokes a handler, emits, and gets what servers of the farm emit to its group', async () => {
    const [near, far] = [await serve(), await serve()];
    const [ada, grace] = [open(near, options), open(far, options)];
    expect(await ada.invoke('join', 'tea')).toBe('tea');
    expect(await grace.invoke('join', 'tea')).toBe('tea');
    const said = next(ada, 'said');

    grace.emit('say-to-group', { group: 'tea', text: 'grüße' });

    expect(await said).toBe('grüße');
    for (const { errors } of [ada, grace]) expect(errors).toEqual([]);
  });

  it('replies to the server’s `invoke` with the result of its handler, its error, or that there is no handler', async () => {
    const server = await serve();
    const client = open(server, options);
    const id = await client.invoke<string>('id');
    client.on('add', async (numbers) => {
      const [first, second] = numbers as [number, number];
      return Promise.resolve(first + second);
    });
    client.on('nothing', () => undefined);
    client.on('fail', () => {
      throw new Error('no such page');
    });
    const target = server.broadcaster.connection(id);

    expect(await target.invoke('add', [2, 3])).toBe(5);
    expect(await target.invoke('nothing')).toBeNull();
    const failed = await rejection(target.invoke('fail'), ClientResultError);
    expect(failed.error).toEqual({ message: 'no such page' });
    const unknown = await rejection(
      target.invoke('unknown', undefined, { timeout: 60_000 }),
      ClientResultError,
    );
    expect(unknown.error).toEqual({ message: 'There is no handler.' });
    await eventually(() => expect(client.errors).toEqual([new Error('no such page')]));
  });

  it('rejects with what a failed handler of the server replies, and reports what fails without a reply', async () => {
    const client = open(await serve(), options);
    const error = await rejection(client.invoke('shout'), ClientError);
    expect(error).toMatchObject({ code: 'REJECTED', data: { status: 'error' } });
    expect(error.message).toBe("There is no handler for the event 'shout'.");

    client.emit('shout');
    await eventually(() => expect(client.errors).toHaveLength(1));
    expect(client.errors[0]).toMatchObject({ code: 'REJECTED', message: error.message });

    const exception = next(client, 'exception');
    client.emit('shout');
    expect(await exception).toMatchObject({ status: 'error' });
    expect(client.errors).toHaveLength(1);
  });

  it('sends no data where there is none', async () => {
    const client = open(await serve(), options);
    const said = next(client, 'said');
    client.emit('say');
    // Neither does it become null.
    expect(await said).toBeUndefined();
  });
});

describe('MessagePack', () => {
  it('carries bytes both ways', async () => {
    const client = open(await farm.server({ ...farm.options(), protocols: ['json', 'msgpack'] }), MSGPACK);
    const said = next(client, 'said');
    client.emit('say', new Uint8Array([1, 2]));
    expect(await said).toEqual(new Uint8Array([1, 2]));
  });

  it('is not mixed with JSON: without it on the server, the client is disconnected, and says why', async () => {
    const server = await farm.server();
    const client = open(server, { ...MSGPACK, token: 'a-token' });
    const { error } = await client.until('disconnected');
    expect(error).toMatchObject({ code: 'DISCONNECTED', message: 'The server has no backplane.msgpack.v1.' });
  });
});

describe('a token', () => {
  it('reaches `authenticate` in a header that no URL contains, and the server does not repeat it', async () => {
    let seen = '';
    const server = await farm.server({
      ...farm.options(),
      authenticate: ({ url, headers }) => {
        seen = `${url} ${headers['sec-websocket-protocol']}`;
        return { userId: 'ada' };
      },
    });
    const client = open(server, { token: 'eyJhbGciOi.eyJz_dWI-i.abc' });
    await client.invoke('id');
    expect(seen).toBe('/chat backplane.json.v1,bearer.eyJhbGciOi.eyJz_dWI-i.abc');
    const [connection] = [...server.broadcaster.gateway('/chat').localConnections];
    expect(connection?.socket.protocol).toBe('backplane.json.v1');
  });

  it('may have any characters, such as those of Base64', async () => {
    const token = 'a+b/c== ü';
    let seen = '';
    const server = await farm.server({
      ...farm.options(),
      authenticate: ({ headers }) => {
        seen = /bearer\.(\S+)/.exec(headers['sec-websocket-protocol'] ?? '')?.[1] ?? '';
        return {};
      },
    });
    await open(server, { token: () => Promise.resolve(token) }).invoke('id');
    expect(decodeURIComponent(seen)).toBe(token);
  });

  it('travels as `open` says, if there is one', async () => {
    const { WebSocket } = await import('ws');
    let seen = '';
    const server = await farm.server({
      ...farm.options(),
      authenticate: ({ headers }) => {
        seen = headers.authorization ?? '';
        return {};
      },
    });
    const client = open(server, {
      token: 'secret',
      open: (url, [protocol], token) =>
        new WebSocket(url, protocol, { headers: { authorization: `Bearer ${token}` } }),
    });
    await client.invoke('id');
    expect(seen).toBe('Bearer secret');
  });
});
