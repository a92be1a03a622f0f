import { describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { ClientError, connect } from '../../lib/client/index.js';
import { rejection } from '../support/acceptance.js';
import { eventually } from '../support/observe.js';
import { openClient } from '../support/open-client.js';
import { ScriptedServer } from '../support/scripted-server.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

describe('a hostile server', () => {
  it('cannot break the client by frames of any form', async () => {
    const server = await ScriptedServer.start(farm);
    const client = openClient(farm, server.url);
    const said: unknown[] = [];
    client.on('said', (data) => said.push(data));
    await client.until('connected');
    const connection = await server.connection();
    const unreadable = ['{', '', 'undefined', '{"event":'];
    const odd = [
      null,
      5,
      'text',
      [],
      [[]],
      {},
      true,
      { id: null },
      { id: {} },
      { id: 99, data: 1 },
      { id: 0, error: null },
      { event: null },
      { event: 1 },
      { event: {} },
      { event: '__proto__' },
      { event: 'constructor', data: {} },
      { event: { toString: 1 }, id: 1 },
      { event: 'exception', data: { message: { toString: 1 } } },
      { event: 'said', error: 1 },
      { id: 'x'.repeat(10_000) },
    ].map((frame) => JSON.stringify(frame));
    // What can be decoded, but is too deep to be encoded again.
    const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
    odd.push(`{"event":"typing","id":${deep}}`, `{"event":"said","id":${deep}}`);
    for (const frame of [...unreadable, ...odd]) connection.send(frame);
    connection.socket.send(Buffer.from([0xc1]));
    connection.send({ event: 'said', data: 'last', unknown: 'field', position: 7 });
    await eventually(() => expect(said).toEqual([undefined, undefined, 'last']));
    expect(client.status.state).toBe('connected');
    const codes = client.errors.map((error) => (error as ClientError).code);
    expect(codes.filter((code) => code === 'BAD_FRAME')).toHaveLength(unreadable.length + 1);
    expect(codes.filter((code) => code === 'REJECTED')).toHaveLength(1);
  });

  it('settles each invocation once, by its own id only', async () => {
    const server = await ScriptedServer.start(farm);
    const client = openClient(farm, server.url);
    const [one, two] = [client.invoke('ask', 1), rejection(client.invoke('ask', 2), ClientError)];
    const connection = await server.connection();
    const idOf = async (asked: number) => (await connection.message(({ data }) => data === asked)).id;
    const [first, second] = [await idOf(1), await idOf(2)];
    connection.send({ id: String(first), data: 'a text is another id' });
    connection.send({ id: second, error: { message: { toString: 1 } } });
    connection.send({ id: second, data: 'too late' });
    connection.send({ id: first, data: 'right' });
    expect(await one).toBe('right');
    expect(await two).toMatchObject({ code: 'REJECTED', message: 'The handler failed.' });
  });

  it('that breaks the WebSocket protocol loses the connection, and the client comes back', async () => {
    const server = await ScriptedServer.start(farm, (connection) => {
      if (connection.number > 1) connection.answerPings();
      else connection.request.socket.write(Buffer.from([0xff, 0xff, 0xff]));
    });
    await openClient(farm, server.url).until('connected');
    expect(server.tokens).toHaveLength(2);
  });
});

describe('a careless caller', () => {
  it('whose handlers throw breaks neither the other handlers nor the connection', async () => {
    const server = await ScriptedServer.start(farm);
    const client = openClient(farm, server.url);
    const said: unknown[] = [];
    const off = client.on('said', () => {
      off();
      throw new Error('sync');
    });
    client.on('said', () => Promise.reject(new Error('async')));
    client.on('said', (data) => said.push(data));
    client.onStatus(() => {
      throw new Error('listener');
    });
    await client.until('connected');
    const connection = await server.connection();
    connection.send({ event: 'said', data: 1, id: 'server.1' });
    connection.send({ event: 'said', data: 2 });
    await eventually(() => expect(said).toEqual([1, 2]));
    expect(await connection.message(({ id }) => id === 'server.1')).toEqual({
      id: 'server.1',
      error: { message: 'sync' },
    });
    await eventually(() =>
      expect(client.errors).toEqual(['listener', 'sync', 'async', 'async'].map((text) => new Error(text))),
    );
  });

  it('whose handler returns what cannot be encoded gets the error reported, and the server a reply', async () => {
    const server = await ScriptedServer.start(farm);
    const client = openClient(farm, server.url);
    client.on('count', () => 1n);
    await client.until('connected');
    const connection = await server.connection();
    connection.send({ event: 'count', id: 'a' });
    expect((await connection.message(({ id }) => id === 'a')).error).toBeDefined();
    expect(client.errors).toHaveLength(1);
  });

  it('gets circular data back as an error, and the queue is kept', async () => {
    const server = await ScriptedServer.start(farm);
    const client = openClient(farm, server.url);
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    client.emit('say', 'before');
    expect(() => client.emit('say', circular)).toThrow(TypeError);
    await rejection(client.invoke('say', circular), TypeError);
    client.emit('say', 'after');
    const connection = await server.connection();
    await connection.message(({ data }) => data === 'after');
    expect(connection.received.map(({ data }) => data)).toEqual(['before', 'after']);
  });

  it('whose `onError` fails crashes nothing', async () => {
    const logged = vi.spyOn(console, 'error').mockReturnValue();
    const server = await ScriptedServer.start(farm);
    const fail = (): never => {
      throw new Error('in onError');
    };
    for (const onError of [fail, () => Promise.reject(new Error('in onError'))]) {
      const client = openClient(farm, server.url, { onError, onConnect: () => client.emit('never', 1n) });
      await eventually(() => expect(logged).toHaveBeenCalledWith(new Error('in onError')));
      client.close();
      logged.mockClear();
    }
    logged.mockRestore();
  });

  it('who cancels an invocation gets it rejected, whether it was sent or not', async () => {
    const server = await ScriptedServer.start(farm);
    const client = openClient(farm, server.url);
    const queued = new AbortController();
    const unsent = rejection(client.invoke('ask', 1, { signal: queued.signal }), ClientError);
    queued.abort();
    expect((await unsent).code).toBe('NOT_SENT');
    const early = await rejection(client.invoke('ask', 2, { signal: queued.signal }), ClientError);
    expect(early.code).toBe('NOT_SENT');

    const sent = new AbortController();
    const unknown = rejection(client.invoke('ask', 3, { signal: sent.signal }), ClientError);
    const connection = await server.connection();
    await connection.event('ask');
    sent.abort();
    expect((await unknown).code).toBe('OUTCOME_UNKNOWN');
    expect(connection.received.map(({ data }) => data)).toEqual([3]);

    const endless = client.invoke('ask', 4, { timeout: Infinity });
    const { id } = await connection.message(({ data }) => data === 4);
    connection.send({ id, data: 'at last' });
    expect(await endless).toBe('at last');
    const slow = await rejection(client.invoke('ask', 5, { timeout: 10 }), ClientError);
    expect(slow).toMatchObject({ code: 'OUTCOME_UNKNOWN', message: 'No reply within 10 ms.' });
  });

  it('who passes an invalid URL, or has no WebSocket, gets an error from `connect`, and nothing goes on', () => {
    const onError = (): void => undefined;
    expect(() => connect('not a url', { WebSocket, onError })).toThrow(ClientError);
    const open = (): never => {
      throw new ReferenceError('WebSocket is not defined');
    };
    expect(() => connect('ws://127.0.0.1', { open, onError })).toThrow('Cannot connect');
  });

  it('who passes an invalid URL with a token function gets a closed client with the cause', async () => {
    const client = openClient(farm, 'not a url', { token: () => 'token' });
    const { error } = await client.until('closed');
    expect(error).toMatchObject({ code: 'CANNOT_CONNECT', data: expect.any(SyntaxError) as Error });
    await eventually(() => expect(client.errors).toEqual([error]));
  });
});

describe('close()', () => {
  it('ends the client in every state, tells the server, and can be repeated', async () => {
    const server = await ScriptedServer.start(farm);
    const open = openClient(farm, server.url);
    await open.until('connected');
    const connection = await server.connection();
    const asked = rejection(open.invoke('ask'), ClientError);
    await connection.event('ask');
    open.close();
    open.close();
    expect(open.states).toEqual(['connected', 'closed']);
    expect((await asked).code).toBe('OUTCOME_UNKNOWN');
    expect((await rejection(open.invoke('ask'), ClientError)).code).toBe('NOT_SENT');
    expect(await connection.closed).toBe(1000);

    const connecting = openClient(farm, server.url);
    const waiting = rejection(connecting.invoke('ask'), ClientError);
    connecting.close();
    expect((await waiting).code).toBe('NOT_SENT');
    const nowhere = openClient(farm, 'ws://127.0.0.1:1', { reconnect: { delay: 60_000 } });
    await nowhere.until('disconnected');
    nowhere.close();
    for (const { status } of [connecting, nowhere])
      expect(status).toEqual({ state: 'closed', error: undefined });
    expect(open.errors).toEqual([]);
  });

  it('called by a listener or a handler ends everything else', async () => {
    const server = await ScriptedServer.start(farm, (connection) => {
      connection.answerPings();
      connection.send({ event: 'welcome' });
      connection.send({ event: 'welcome' });
    });
    const calls: string[] = [];
    const early = openClient(farm, server.url, { onConnect: () => calls.push('onConnect') });
    early.on('welcome', () => calls.push('early'));
    early.onStatus(() => early.close());
    await early.until('closed');
    const later = openClient(farm, server.url);
    later.on('welcome', () => {
      calls.push('later');
      later.close();
    });
    await later.until('closed');
    await (
      await server.connection(2)
    ).closed;
    expect(calls).toEqual(['later']);
    const seen: string[] = [];
    const stubborn = openClient(farm, 'ws://127.0.0.1:1');
    stubborn.onStatus(() => stubborn.close());
    stubborn.onStatus(({ state }) => seen.push(state));
    await stubborn.until('closed');
    expect(seen.at(-1)).toBe('closed');
    expect(seen).not.toContain('disconnected');
  });
});
