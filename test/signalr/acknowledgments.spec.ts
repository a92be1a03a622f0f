import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { jsonHubProtocol } from '../../lib/signalr/json-hub-protocol.js';
import { StatefulConnection } from '../../lib/signalr/stateful-connection.js';
import type { ChatServer } from '../support/chat-app.js';
import { HubGateway } from '../support/hub.gateway.js';
import { RawHubClient } from '../support/raw-hub-client.js';
import { RecordingSink } from '../support/recording-sink.js';
import { useTestFarm } from '../support/test-farm.js';

const acknowledgment = (sequenceId: number): string => `${JSON.stringify({ type: 8, sequenceId })}\u001e`;
const sequence = (sequenceId: number): string => `${JSON.stringify({ type: 9, sequenceId })}\u001e`;

describe('the server acknowledges', () => {
  let recorder: RecordingSink;
  let connection: StatefulConnection;

  beforeEach(() => {
    vi.useFakeTimers();
    recorder = new RecordingSink();
    connection = new StatefulConnection(
      jsonHubProtocol,
      recorder,
      Infinity,
      { volatileDropped: 0 },
      () => undefined,
    );
  });
  afterEach(() => void vi.useRealTimers());

  it('all messages once, a second after the first of them, and nothing as long as no more arrive', () => {
    for (let count = 0; count < 3; count++) connection.takeNumber();
    vi.advanceTimersByTime(999);
    expect(recorder.written).toEqual([]);
    connection.takeNumber();
    vi.advanceTimersByTime(1);
    expect(recorder.written).toEqual([acknowledgment(4)]);
    vi.advanceTimersByTime(60_000);
    expect(recorder.written).toHaveLength(1);
    connection.takeNumber();
    vi.advanceTimersByTime(1000);
    expect(recorder.written).toEqual([acknowledgment(4), acknowledgment(5)]);
  });

  it('nothing after the session has ended', () => {
    connection.takeNumber();
    connection.close();
    vi.advanceTimersByTime(60_000);
    expect(recorder.written).toEqual([]);
  });

  it.each(['was lost', 'still looks open'])(
    'everything a second after the client has come back, and nothing before, if its former socket %s',
    (state) => {
      connection.takeNumber();
      vi.advanceTimersByTime(950);
      if (state === 'was lost') {
        connection.detach();
        vi.advanceTimersByTime(60_000);
      }
      expect(recorder.written).toEqual([]);
      const resumed = new RecordingSink();
      connection.attach(resumed);
      vi.advanceTimersByTime(999);
      expect(resumed.written).toEqual([sequence(1)]);
      vi.advanceTimersByTime(1);
      expect(resumed.written).toEqual([sequence(1), acknowledgment(1)]);
    },
  );

  it('messages that the client repeats, which it ignores', () => {
    expect([connection.takeNumber(), connection.takeNumber()]).toEqual([true, true]);
    const resumed = new RecordingSink();
    connection.attach(resumed);
    connection.sequence(2);
    expect([connection.takeNumber(), connection.takeNumber()]).toEqual([false, true]);
    vi.advanceTimersByTime(1000);
    expect(resumed.written).toEqual([sequence(1), acknowledgment(3)]);
  });
});

describe('a client with stateful reconnect', () => {
  const farm = useTestFarm();
  const note = (text: string): object => ({ type: 1, target: 'Note', arguments: [text] });
  const said = (text: string): object => ({ type: 1, target: 'Said', arguments: [text] });
  const echo = { type: 1, invocationId: 'echo', target: 'Echo', arguments: [1] };

  function start(options: RedisBackplaneOptions = {}): Promise<ChatServer> {
    return farm.server({ ...farm.options(), signalr: true, ...options }, {}, HubGateway);
  }

  /** Ends the client's socket without a close frame, and opens another one for its session. */
  async function resumed(client: RawHubClient, { port }: ChatServer): Promise<RawHubClient> {
    client.socket.terminate();
    return RawHubClient.withToken(farm, port, client.token);
  }

  it('does not get again what it has acknowledged', async () => {
    const server = await start();
    const gateway = server.app.get(HubGateway);
    const client = await RawHubClient.open(farm, server.port, { isStateful: true });
    for (const text of ['one', 'two', 'three']) await gateway.server.emit('Said', text);
    await client.until(({ frames }) => frames.length === 3);
    client.send({ type: 8, sequenceId: 2 }, note('acknowledged'));
    await expect.poll(() => gateway.log).toEqual(['acknowledged']);
    const again = await resumed(client, server);
    again.send({ type: 9, sequenceId: 2 }, echo);
    await again.completion('echo');
    expect(again.frames.slice(0, 2)).toEqual([{ type: 9, sequenceId: 3 }, said('three')]);
    expect(again.frames.filter(({ type }) => type === 1)).toHaveLength(1);
  });

  it('that skips a number is closed', async () => {
    const server = await start();
    const client = await RawHubClient.open(farm, server.port, { isStateful: true });
    client.send(note('first'));
    await expect.poll(() => server.app.get(HubGateway).log).toEqual(['first']);
    const again = await resumed(client, server);
    again.send({ type: 9, sequenceId: 3 });
    await again.until(({ closeCode }) => closeCode !== undefined);
    expect([again.frames, again.closeCode]).toEqual([[{ type: 9, sequenceId: 1 }], 1002]);
  });

  it('does not number pings, in either direction', async () => {
    const server = await start({ signalr: { keepAliveInterval: 20 } });
    const gateway = server.app.get(HubGateway);
    const client = await RawHubClient.open(farm, server.port, { isStateful: true });
    await client.until(({ frames }) => frames.filter(({ type }) => type === 6).length >= 2);
    client.send({ type: 6 }, { type: 6 }, note('one'));
    await expect.poll(() => gateway.log).toEqual(['one']);
    await gateway.server.emit('Said', 'first');
    await client.until(({ frames }) => frames.some(({ type }) => type === 1));
    const again = await resumed(client, server);
    // The second message that has a number. With numbers for pings, it would be taken for a repetition.
    again.send({ type: 9, sequenceId: 2 }, note('two'));
    await expect.poll(() => gateway.log).toEqual(['one', 'two']);
    await again.until(({ frames }) => frames.length >= 2);
    expect(again.frames.slice(0, 2)).toEqual([{ type: 9, sequenceId: 1 }, said('first')]);
  });

  it('may come back in the middle of a message, which it sends again', async () => {
    const server = await start();
    const { log } = server.app.get(HubGateway);
    const client = await RawHubClient.open(farm, server.port, { isStateful: true });
    client.send(note('before'));
    client.sendText('{"type":1,"target":"Note","argum');
    client.socket.ping();
    await new Promise((resolve) => client.socket.once('pong', resolve));
    const again = await resumed(client, server);
    again.send({ type: 9, sequenceId: 2 }, note('whole'));
    await expect.poll(() => log).toEqual(['before', 'whole']);
  });
});
