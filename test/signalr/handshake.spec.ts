import { describe, expect, it } from 'vitest';
import { HubGateway } from '../support/hub.gateway.js';
import { RawHubClient } from '../support/raw-hub-client.js';
import type { ChatServer } from '../support/chat-app.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

function hubServer(options: RedisBackplaneOptions = {}): Promise<ChatServer> {
  return farm.server({ ...farm.options(), signalr: true, ...options }, {}, HubGateway);
}

const HANDSHAKE = '{"protocol":"json","version":1}\u001e';
const CALL = '{"type":1,"invocationId":"1","target":"Echo","arguments":[1]}\u001e';

describe('the handshake', () => {
  it('may be followed by messages in the same frame', async () => {
    const client = await RawHubClient.connect(farm, (await hubServer()).port);
    client.sendText(HANDSHAKE + CALL);
    expect(await client.completion('1')).toEqual({ type: 3, invocationId: '1', result: 1 });
    expect(client.frames[0]).toEqual({});
  });

  it('may be split at every byte, and come in binary frames', async () => {
    const { port } = await hubServer();
    const bytes = Buffer.from(HANDSHAKE + CALL);
    for (let at = 1; at < bytes.length; at += 7) {
      const client = await RawHubClient.connect(farm, port);
      client.socket.send(bytes.subarray(0, at));
      client.socket.send(bytes.subarray(at));
      expect(await client.completion('1')).toMatchObject({ result: 1 });
      client.socket.terminate();
    }
  });

  it('may be followed by frames in the same packet', async () => {
    const client = await RawHubClient.connect(farm, (await hubServer()).port);
    for (const text of [HANDSHAKE, CALL, CALL.replace('"1"', '"2"')]) client.sendText(text);
    expect(await client.completion('2')).toMatchObject({ result: 1 });
    expect(client.frames.map(({ invocationId }) => invocationId)).toEqual([undefined, '1', '2']);
  });

  it.each([
    ['{"protocol":"xml","version":1}', "The protocol 'xml' is not supported."],
    // MessagePack is not among the protocols of this app.
    ['{"protocol":"messagepack","version":1}', "The protocol 'messagepack' is not supported."],
    ['{"protocol":"json","version":3}', "The server does not support version 3 of the 'json' protocol."],
    ['{"protocol":"json","version":0}', "The server does not support version 0 of the 'json' protocol."],
    ['{"protocol":"json"}', 'An unexpected error occurred during connection handshake.'],
    ['{"protocol":5,"version":1}', 'An unexpected error occurred during connection handshake.'],
    ['{}', 'An unexpected error occurred during connection handshake.'],
    ['{"protocol', 'An unexpected error occurred during connection handshake.'],
    [`{"protocol":"${'x'.repeat(5000)}`, 'Handshake was canceled.'],
  ])('%.60s is refused', async (text, error) => {
    const server = await hubServer();
    const client = await RawHubClient.connect(farm, server.port);
    client.sendText(`${text}\u001e`);
    await client.until(({ closeCode }) => closeCode !== undefined);
    expect([client.frames, client.closeCode]).toEqual([[{ error }], 1000]);
    expect(server.app.get(HubGateway).connected).toEqual([]);
  });

  it.each(['hello', '[1]', '{"type":6}', ''])(
    'is not "%s", with which the connection ends without an answer',
    async (text) => {
      const client = await RawHubClient.connect(farm, (await hubServer()).port);
      client.sendText(text === '' ? '\u0004\u0092\u0009' : `${text}\u001e`);
      await client.until(({ closeCode }) => closeCode !== undefined);
      expect([client.frames, client.closeCode]).toEqual([[], 1000]);
    },
  );

  it('must come in time', async () => {
    const client = await RawHubClient.connect(
      farm,
      (await hubServer({ signalr: { handshakeTimeout: 20 } })).port,
    );
    await client.until(({ closeCode }) => closeCode !== undefined);
    expect(client.frames).toEqual([{ error: 'Handshake was canceled.' }]);
  });

  it('is not waited for when the server shuts down', async () => {
    const server = await hubServer();
    const client = await RawHubClient.connect(farm, server.port);
    await server.app.close();
    await client.until(({ closeCode }) => closeCode !== undefined);
    expect(client.closeCode).toBe(1001);
  });

  it('comes before every broadcast, also for a client that joins its group at once', async () => {
    const server = await hubServer();
    const client = await RawHubClient.connect(farm, server.port);
    await server.broadcaster.gateway(HubGateway).emit('Early');
    client.sendText(HANDSHAKE);
    await client.until(({ frames }) => frames.length === 1);
    await server.broadcaster.gateway(HubGateway).emit('Late');
    await client.until(({ frames }) => frames.length === 2);
    expect(client.frames).toEqual([{}, { type: 1, target: 'Late', arguments: [] }]);
  });
});
