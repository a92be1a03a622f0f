import { afterEach, describe, expect, it, vi } from 'vitest';
import { ClientError } from '../../lib/client/index.js';
import { Deferred } from '../../lib/bus/deferred.js';
import { Proxy } from '../faults/proxy.js';
import { rejection } from '../support/acceptance.js';
import { eventually } from '../support/observe.js';
import { openClient } from '../support/open-client.js';
import { ScriptedServer } from '../support/scripted-server.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

afterEach(() => vi.restoreAllMocks());

describe('when the connection breaks', () => {
  it.each([1001, 1011, 1012, 1013, 4000])('with %i, the client reconnects', async (code) => {
    const server = await ScriptedServer.start(farm);
    const client = openClient(farm, server.url);
    await client.until('connected');
    (await server.connection(1)).socket.close(code, 'why');
    const { error } = await client.until('disconnected');
    expect(error).toMatchObject({ code: 'DISCONNECTED', message: `Closed with ${code}. why` });
    await server.connection(2);
    await client.until('connected');
    expect(client.status.error).toBeUndefined();
    expect(client.states).toEqual(['connected', 'disconnected', 'connecting', 'connected']);
  });

  it('without a close frame, the client reconnects', async () => {
    const server = await ScriptedServer.start(farm);
    const client = openClient(farm, server.url);
    await client.until('connected');
    (await server.connection(1)).socket.terminate();
    await server.connection(2);
    await client.until('connected');
  });

  it('an invocation that was sent rejects as unknown, and one that was not sent as safe to repeat', async () => {
    const server = await ScriptedServer.start(farm);
    const client = openClient(farm, server.url, { queue: 1 });
    await client.until('connected');
    const connection = await server.connection();
    const sent = rejection(client.invoke('pay', 7), ClientError);
    await connection.event('pay');
    await server.stop();
    expect((await sent).code).toBe('OUTCOME_UNKNOWN');

    const waiting = rejection(client.invoke('pay', 8, { timeout: 20 }), ClientError);
    const overflow = await rejection(client.invoke('pay', 9), ClientError);
    expect(overflow.code).toBe('NOT_SENT');
    expect(() => client.emit('pay', 10)).toThrow(ClientError);
    expect((await waiting).code).toBe('NOT_SENT');
    // It has left its place in the queue.
    client.emit('pay', 11);
  });

  it('what was queued is sent once, in order, after `onConnect` has ended, which can invoke before', async () => {
    const joining = new Deferred();
    const reconnects: boolean[] = [];
    const server = await ScriptedServer.start(farm, (connection) => {
      connection.answerPings();
      connection.on('join', async ({ id }) => {
        await joining.promise;
        connection.send({ id, data: 'joined' });
      });
    });
    const client = openClient(farm, server.url, {
      onConnect: async ({ reconnected }) => {
        reconnects.push(reconnected);
        await client.invoke('join');
      },
    });
    for (const data of [1, 2]) client.emit('say', data);
    const asked = client.invoke('ask', 3);
    const first = await server.connection(1);
    await first.event('join');
    client.emit('say', 4);
    joining.resolve();
    const { id } = await first.event('ask');
    first.send({ id, data: 'well' });
    expect(await asked).toBe('well');
    await first.message(({ data }) => data === 4);
    expect(first.received.map(({ event, data }) => data ?? event)).toEqual(['join', 1, 2, 3, 4]);

    first.socket.terminate();
    await client.until('disconnected');
    client.emit('say', 5);
    const second = await server.connection(2);
    await second.event('say');
    expect(second.received.map(({ event, data }) => data ?? event)).toEqual(['join', 5]);
    expect(reconnects).toEqual([false, true]);
  });

  it('a failed `onConnect` is reported, and tried again with a new connection', async () => {
    const server = await ScriptedServer.start(farm);
    let calls = 0;
    const client = openClient(farm, server.url, {
      onConnect: () => {
        if (++calls === 1) throw new Error('no Redis');
      },
    });
    client.emit('say', 'late');
    expect((await (await server.connection(2)).event('say')).data).toBe('late');
    expect(client.errors).toEqual([new Error('no Redis')]);
    expect((await server.connection(1)).received).toEqual([]);
  });
});

describe('the delay before an attempt', () => {
  function delaysOf(pick: number): () => number[] {
    vi.spyOn(Math, 'random').mockReturnValue(pick);
    const timers = vi.spyOn(globalThis, 'setTimeout');
    return () => timers.mock.calls.map(([, ms = 0]) => ms).filter((ms) => ms % 3 === 0 && ms > 0 && ms < 25);
  }

  it('is a random part of a limit that doubles up to `maxDelay`', async () => {
    const server = await ScriptedServer.start(farm, ({ socket }) => socket.close(1011));
    const delays = delaysOf(0.5);
    openClient(farm, server.url, { reconnect: { delay: 6, maxDelay: 40 } });
    await server.connection(7);
    expect(delays().slice(0, 3)).toEqual([3, 6, 12]);
    vi.restoreAllMocks();
  });

  it('keeps growing while the server accepts and closes, and starts over after a connection that held', async () => {
    const server = await ScriptedServer.start(farm, (connection) => {
      connection.answerPings();
      connection.on('leave', () => connection.socket.close(1011));
    });
    const delays = delaysOf(1);
    const now = vi.spyOn(Date, 'now');
    const client = openClient(farm, server.url, {
      reconnect: { delay: 3, maxDelay: 24, resetAfter: 60_000 },
    });
    for (let round = 1; round <= 3; round++) {
      await server.connection(round);
      client.emit('leave');
    }
    await server.connection(4);
    await client.until('connected');
    expect(delays()).toEqual([3, 6, 12]);

    now.mockReturnValue(new Date().getTime() + 60_001);
    client.emit('leave');
    await server.connection(5);
    expect(delays()).toEqual([3, 6, 12, 3]);
  });
});

describe('a dead connection', () => {
  it('is noticed by a ping that is not answered, and replaced', async () => {
    const server = await ScriptedServer.start(farm, (connection) => {
      connection.send({ event: 'welcome' });
      if (connection.number > 1) connection.answerPings();
    });
    const client = openClient(farm, server.url, { heartbeat: { interval: 10, timeout: 200 } });
    await client.until('connected');
    const sent = rejection(client.invoke('ask'), ClientError);
    const { error } = await client.until('disconnected');
    expect(error).toMatchObject({ code: 'DISCONNECTED', message: 'No answer within 200 ms.' });
    expect((await sent).code).toBe('OUTCOME_UNKNOWN');
    await (await server.connection(2)).ping();
    await client.until('connected');
  });

  it('behind a network that swallows everything is dropped, and what it delivers later is ignored', async () => {
    const server = await ScriptedServer.start(farm);
    const network = await Proxy.open(server.port);
    farm.onEnd(() => network.close());
    const client = openClient(farm, `ws://127.0.0.1:${network.port}`, {
      heartbeat: { interval: 10, timeout: 200 },
    });
    const said: unknown[] = [];
    client.on('said', (data) => said.push(data));
    await client.until('connected');
    network.blackhole();
    (await server.connection(1)).send({ event: 'said', data: 'held back' });
    await client.until('disconnected');
    network.heal();
    await client.until('connected');
    (await server.connection(2)).send({ event: 'said', data: 'new' });
    await eventually(() => expect(said).toEqual(['new']));
  });

  it('a server that accepts and never answers is given up, as is a port that never completes the upgrade', async () => {
    const mute = await ScriptedServer.start(farm, () => undefined);
    const client = openClient(farm, mute.url, { heartbeat: { timeout: 50 } });
    await client.until('disconnected');
    expect(client.states).not.toContain('connected');
    const network = await Proxy.open(mute.port);
    farm.onEnd(() => network.close());
    network.blackhole();
    const stuck = openClient(farm, `ws://127.0.0.1:${network.port}`, { heartbeat: { timeout: 50 } });
    expect((await stuck.until('disconnected')).error?.message).toBe('No answer within 50 ms.');
  });
});
