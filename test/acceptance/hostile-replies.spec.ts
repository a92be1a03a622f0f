import { decode, encode } from '@msgpack/msgpack';
import { WebSocket } from 'ws';
import { beforeEach, describe, expect, it } from 'vitest';
import { ClientResultError, InvalidResultError } from '../../lib/routing/request.errors.js';
import { encodeResponsePayload, decodeResponsePayload } from '../../lib/routing/response-payload.js';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { connectMember, type Member, serverPair, useRedis } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { delivered, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis();
let near: ChatServer;
let far: ChatServer;

beforeEach(async () => {
  [near, far] = await serverPair(farm, redis.url, { protocols: ['json', 'msgpack'] });
});

/** MessagePack bytes of nested arrays. */
function nestedArrays(depth: number): Buffer {
  return Buffer.from([...new Array<number>(depth).fill(0x91), 1]);
}

/** The bytes of a reply `{ id, data }` with these bytes as data. */
function msgpackReply(id: unknown, data: Uint8Array): Buffer {
  return Buffer.concat([
    Buffer.from([0x82, 0xa2]),
    Buffer.from('id'),
    encode(id),
    Buffer.from([0xa4]),
    Buffer.from('data'),
    data,
  ]);
}

async function msgpackClient(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${far.port}/chat`, 'backplane.msgpack.v1');
  farm.onEnd(() => socket.terminate());
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return socket;
}

function nextBytes(socket: WebSocket): Promise<Buffer> {
  return new Promise((resolve) => socket.once('message', (bytes: Buffer) => resolve(bytes)));
}

/** Invokes a client of the other server, which sends this reply. Resolves with the result or the error. */
async function outcome(member: Member, reply: (id: unknown) => string): Promise<unknown> {
  const asked = near.broadcaster.connection(member.id).invoke('ask', 1, { timeout: 500 });
  const settled = asked.catch((error: unknown) => error);
  const { id } = await member.client.next('ask');
  member.client.sendRaw(reply(id));
  return settled;
}

describe('A reply of a client of another server', () => {
  it.each<[name: string, reply: (id: unknown) => string]>([
    [
      'nested 20,000 levels deep',
      (id) => `{"id":"${id as string}","data":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
    ],
    [
      'an error nested 20,000 levels deep',
      (id) => `{"id":"${id as string}","error":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`,
    ],
    ['with more elements than allowed', (id) => `{"id":"${id as string}","data":[${'0,'.repeat(200_000)}0]}`],
    ['that is cut off', (id) => `{"id":"${id as string}","data":[`],
  ])('%s gets an exception and has no other effect', async (_name, reply) => {
    const escaped = farm.escapes();
    const member = await connectMember(farm, far);
    await outcome(member, reply);
    expect((await member.client.next('exception')).data).toMatchObject({ status: 'error' });
    await delivered(near, member.client);
    expect(escaped).toEqual([]);
  });

  it('nested as deeply as allowed is passed on unchanged', async () => {
    const member = await connectMember(farm, far);
    let data: unknown = 1;
    for (let level = 0; level < 99; level++) data = [data];
    expect(await outcome(member, (id) => JSON.stringify({ id, data }))).toEqual(data);
  });

  it('with a large error rejects with a short message', async () => {
    const member = await connectMember(farm, far);
    const error = await outcome(member, (id) => JSON.stringify({ id, error: 'x'.repeat(500_000) }));
    expect(error).toBeInstanceOf(ClientResultError);
    expect((error as Error).message.length).toBeLessThan(400);
  });

  it.each([
    [
      'two array headers that claim 67 million elements',
      Buffer.concat([Buffer.from([0xdd, 2, 0, 0, 0, 0xdd, 2, 0, 0, 0]), Buffer.alloc(207, 0xc0)]),
    ],
    ['101 levels of MessagePack', nestedArrays(101)],
    [
      '1,000 nested array headers',
      Buffer.concat(Array.from({ length: 1000 }, () => Buffer.from([0xdc, 0xff, 0xff]))),
    ],
  ])('of %s gets an exception and has no other effect', async (_name, data) => {
    const escaped = farm.escapes();
    const socket = await msgpackClient();
    const asked = near.broadcaster.invokeAll('ask', 1, { timeout: 500 });
    const question = await nextBytes(socket);
    const { id } = decode(new Uint8Array(question)) as { id: unknown };
    socket.send(msgpackReply(id, data));
    const refused = await nextBytes(socket);
    expect(decode(new Uint8Array(refused))).toMatchObject({ event: 'exception', data: { status: 'error' } });
    expect((await asked).responses).toEqual([]);
    expect(escaped).toEqual([]);
  });
});

describe('A reply between servers', () => {
  it('is sent as an error if its value cannot be encoded, so that the caller does not wait', () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const { outcome: told, payload } = encodeResponsePayload(jsonProtocol, {
      outcome: 'data',
      value: circular,
    });
    expect([told, JSON.parse(payload.bytes.toString())]).toEqual(['error', expect.any(String)]);
  });

  it.each([
    ['of an unknown client protocol', { protocol: 99, bytes: Buffer.from('1') }],
    ['that is not valid JSON', { protocol: 1, bytes: Buffer.from('[') }],
    [
      'that claims more than it contains',
      { protocol: 2, bytes: Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]) },
    ],
  ])('%s is unreadable and does not throw', (_name, payload) => {
    expect(decodeResponsePayload({ outcome: 'data', payload })).toMatchObject({ outcome: 'unreadable' });
  });

  it('that is unreadable becomes an InvalidResultError with its cause', () => {
    expect(new InvalidResultError('id', new TypeError('no')).cause).toBeInstanceOf(TypeError);
  });
});

describe('Data that only one protocol can represent', () => {
  function nested(depth: number): unknown {
    let value: unknown = 1;
    for (let level = 0; level < depth; level++) value = [value];
    return value;
  }

  it('reaches the JSON clients of both servers; the others are counted and reported as an error and a loss', async () => {
    const binary = await msgpackClient();
    const members = [await connectMember(farm, near), await connectMember(farm, far)];
    const losses: unknown[] = [];
    const errors: string[] = [];
    far.backplane.loss$.subscribe(({ certainty, targets }) => losses.push([certainty, targets.length]));
    far.backplane.errors$.subscribe(({ message }) => errors.push(message));
    expect(await near.broadcaster.emit('deep', nested(150))).toMatchObject({
      local: 1,
      backplane: 'accepted',
    });
    for (const { client } of members) expect((await client.next('deep')).data).toEqual(nested(150));
    await expect.poll(() => [losses, errors.length]).toEqual([[['known', 1]], 1]);
    expect(far.backplane.counters.undeliverable).toBe(1);
    expect(near.backplane.counters.undeliverable).toBe(0);
    expect(binary.readyState).toBe(WebSocket.OPEN);
  });
});
