import { beforeEach, describe, expect, it } from 'vitest';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { connectionOf, useRedis } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { CodecClient, type CodecName } from '../support/codec-client.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis();

const BOTH: RedisBackplaneOptions = { protocols: ['json', 'msgpack'] };

let near: ChatServer;
let far: ChatServer;

async function startPair(ofNear: RedisBackplaneOptions, ofFar: RedisBackplaneOptions): Promise<void> {
  const options = farm.options(redis.url);
  near = await farm.server({ ...options, ...ofNear });
  far = await farm.server({ ...options, ...ofFar });
}

async function open({ port }: ChatServer, codec: CodecName): Promise<CodecClient> {
  const client = await CodecClient.open(`ws://127.0.0.1:${port}/chat`, codec);
  farm.onEnd(() => client.socket.terminate());
  return client;
}

/** The client's `told` messages once a later emit has arrived. */
async function received(sender: ChatServer, client: CodecClient): Promise<unknown[]> {
  const mark = `mark of ${sender.backplane.serverId}`;
  await sender.broadcaster.emit(mark);
  await client.event(mark);
  return client.dataOf('told');
}

describe('Clients of both protocols on both servers', () => {
  let clients: Record<CodecName, CodecClient[]>;

  beforeEach(async () => {
    await startPair(BOTH, BOTH);
    clients = {
      json: [await open(near, 'json'), await open(far, 'json')],
      msgpack: [await open(near, 'msgpack'), await open(far, 'msgpack')],
    };
  });

  it('in one group each get every message once, in order and in their protocol', async () => {
    const members = [...clients.json, ...clients.msgpack];
    await Promise.all(members.map((client) => client.ask('join', 'group', 1)));
    const data = [{ text: 'grüße', list: [1, -2.5, null, true], empty: {} }, 'text', 0];

    for (const item of data) await near.broadcaster.group('group').emit('told', item);

    for (const client of members) expect(await received(near, client)).toEqual(data);
  });

  it('get the subprotocol that they requested', () => {
    for (const { socket } of clients.msgpack) expect(socket.protocol).toBe('backplane.msgpack.v1');
    for (const { socket } of clients.json) expect(socket.protocol).toBe('');
  });

  it('get no undefined properties', async () => {
    await near.broadcaster.emit('told', { here: 1, gone: undefined });
    for (const client of [...clients.json, ...clients.msgpack])
      expect(Object.keys((await received(near, client))[0] as object)).toEqual(['here']);
  });

  it('in MessagePack get binary values unchanged, at any size and depth', async () => {
    const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index % 256);
    const data = { empty: bytes(0), small: [bytes(3)], deep: { large: bytes(70_000) } };
    await near.broadcaster.emit('told', data);
    for (const client of clients.msgpack) expect(await received(near, client)).toEqual([data]);
  });

  it('send and receive requests in their protocol, across servers', async () => {
    const [, client] = clients.msgpack as [CodecClient, CodecClient];
    const id = (await client.ask('id', undefined, 7)).data as string;
    const result = near.broadcaster.connection(id).invoke('question', { bytes: Buffer.from([1, 2]) });
    const question = await client.event('question');
    expect(question.data).toEqual({ bytes: new Uint8Array([1, 2]) });
    client.send({ id: question.id, data: { bytes: new Uint8Array([3, 4]) } });
    expect(Buffer.from(((await result) as { bytes: Uint8Array }).bytes)).toEqual(Buffer.from([3, 4]));
    expect(connectionOf(far, id).socket.protocol).toBe('backplane.msgpack.v1');
  });

  it('get an exception in their protocol for an invalid message', async () => {
    const [client] = clients.msgpack as [CodecClient];
    client.socket.send(Buffer.from([0xc1]));
    expect((await client.event('exception')).data).toMatchObject({ status: 'error' });
  });
});

describe('A server configured with JSON only', () => {
  beforeEach(() => startPair({ protocols: ['json'] }, BOTH));

  it('still reaches MessagePack clients of another server, by emit and by invoke', async () => {
    const client = await open(far, 'msgpack');
    const id = (await client.ask('id', undefined, 7)).data as string;
    await near.broadcaster.emit('told', { text: 'grüße', list: [1, null] });
    expect(await received(near, client)).toEqual([{ text: 'grüße', list: [1, null] }]);

    const result = near.broadcaster.connection(id).invoke('question', 'why');
    const question = await client.event('question');
    client.send({ id: question.id, data: 'because' });
    expect(await result).toBe('because');
  });

  it('receives emits from a server with both protocols', async () => {
    const client = await open(near, 'json');
    await far.broadcaster.emit('told', { text: 'grüße' });
    expect(await received(far, client)).toEqual([{ text: 'grüße' }]);
  });

  it('does not accept a subprotocol that is not configured', async () => {
    // The client aborts the handshake because it offered nothing else. Otherwise it would parse JSON as MessagePack.
    await expect(open(near, 'msgpack')).rejects.toThrow(/subprotocol|40\d/);
  });
});
