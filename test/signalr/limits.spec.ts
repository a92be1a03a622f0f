import { createHash, createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Deferred } from '../../lib/bus/deferred.js';
import type { Admission } from '../../lib/options/authenticate.js';
import { bufferBytes } from '../support/heap.js';
import { HubGateway } from '../support/hub.gateway.js';
import { clientThatIsAway, hubServer, invocation, streamInvocation } from '../support/hub-server.js';
import { authenticate, negotiated, upgrade } from '../support/negotiation.js';
import { clientFrame, OPCODE, RawClient } from '../support/raw-client.js';
import { RawHubClient } from '../support/raw-hub-client.js';
import { closed } from '../support/stubborn-client.js';
import { useTestFarm } from '../support/test-farm.js';

const MiB = 1024 * 1024;
const HANDSHAKE = `${JSON.stringify({ protocol: 'json', version: 1 })}\u001e`;

const farm = useTestFarm();

/** Creates a token, as a client can if the app has not set `signalr.tokenSecret`. It expires in a year. */
function forgedToken(secret: string, path: string): string {
  const key = createHash('sha256').update(`nestjs-redis-backplane signalr ${secret}`).digest();
  const expiry = Buffer.alloc(6);
  expiry.writeUIntBE(Date.now() + 365 * 24 * 3_600_000, 0, 6);
  const signed = Buffer.concat([randomBytes(16), expiry]);
  const mac = createHmac('sha256', key)
    .update(signed)
    .update(JSON.stringify([path, undefined]))
    .digest();
  return Buffer.concat([signed, mac.subarray(0, 16)]).toString('base64url');
}

function open(port: number, query = '', protocols: string[] = []): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/hub${query}`, protocols);
  socket.on('error', () => undefined);
  farm.onEnd(() => socket.terminate());
  return socket;
}

it('the messages after a refused handshake are not kept', async () => {
  const server = await hubServer(farm);
  const { connectionToken = '' } = await negotiated(server.port);
  const accepted = once(server.app.getHttpServer() as Server, 'connection') as Promise<[Socket]>;
  const client = await RawClient.ask(server, `/hub?id=${connectionToken}`);
  farm.onEnd(() => client.socket.destroy());
  const [socket] = await accepted;
  await client.until('101 Switching Protocols');
  client.write(clientFrame('{"type":6}\u001e'));
  // This client does not answer the close frame, so the server's socket stays open for two seconds.
  await closed(client, 1000);
  const frame = clientFrame(Buffer.alloc(MiB), OPCODE.binary);
  const before = await bufferBytes();
  for (let count = 0; count < 20; count++) client.write(frame);
  const isRead = (): boolean => socket.bytesRead === client.socket.bytesWritten;
  await expect.poll(() => isRead() || socket.destroyed, { interval: 10 }).toBe(true);
  expect((await bufferBytes()) - before).toBeLessThan(5 * MiB);
});

describe('limits.connections', () => {
  it('lets one more client in, if it resumes a session, and not several with one token', async () => {
    let admission = Promise.resolve();
    const server = await hubServer(farm, {
      // Longer than the test, because a client whose admission takes too long gets 503, too.
      limits: { connections: 2, admissionTime: 60_000 },
      authenticate: async (request): Promise<Admission | null> => {
        await admission;
        return authenticate(request);
      },
    });
    const client = await RawHubClient.open(farm, server.port, { isStateful: true, userId: 'ada' });
    await RawHubClient.open(farm, server.port, { userId: 'bob' });
    const release = new Deferred();
    admission = release.promise;
    const statuses: number[] = [];
    const attempt = async (): Promise<void> => {
      statuses.push(await upgrade(farm, server.port, `?id=${client.token}&access_token=ada`));
    };
    const attempts = Promise.all(Array.from({ length: 5 }, attempt));
    attempts.catch(() => undefined);
    await expect.poll(() => statuses).toEqual([503, 503, 503, 503]);
    expect(server.backplane.counters.connections).toBe(3);
    release.resolve();
    await attempts;
    expect(statuses).toEqual([503, 503, 503, 503, 101]);
  });
});

describe('limits.messagesPerSecond', () => {
  it.each([
    ['whose id is in use', 10, [invocation('a', 'Wait'), invocation('a', 'Wait')]],
    ['for which there are too many streams', 1, ['a', 'b'].map((id) => streamInvocation(id, 'Silence'))],
  ])('counts calls %s', async (_why, pendingMessages, [first = {}, refused = {}]) => {
    const server = await hubServer(farm, { limits: { messagesPerSecond: 10, pendingMessages } });
    const client = await RawHubClient.open(farm, server.port);
    client.send(first, ...Array.from({ length: 50 }, () => refused), invocation('last', 'Echo'));
    await client.until(
      ({ closeCode, frames }) =>
        closeCode !== undefined || frames.some(({ invocationId }) => invocationId === 'last'),
    );
    expect(client.closeCode).toBe(1008);
    expect(client.frames.at(-1)).toEqual({ type: 7, error: 'Too many messages per second' });
  });

  it('does not count what a client repeats after a resume', async () => {
    const server = await hubServer(farm, { limits: { messagesPerSecond: 20 } });
    const notes = Array.from({ length: 15 }, (_, number) => invocation(`${number}`, 'Note', `${number}`));
    const { client } = await clientThatIsAway(farm, server, {}, (online) => {
      online.send(...notes);
      return online.completion('14');
    });
    const again = await RawHubClient.withToken(farm, server.port, client.token);
    again.send({ type: 9, sequenceId: 1 }, ...notes, invocation('new', 'Note', 'new'));
    await again.until(
      ({ closeCode, frames }) =>
        closeCode !== undefined || frames.some(({ invocationId }) => invocationId === 'new'),
    );
    expect(again.closeCode).toBeUndefined();
    expect(server.app.get(HubGateway).log).toEqual([...notes.keys(), 'new'].map(String));
  });
});

it('limits.connectionsPerUser does not count a session that waits for its client', async () => {
  const options = { ...farm.options(), authenticate, limits: { connectionsPerUser: 1 } };
  const [one, other] = [await hubServer(farm, options), await hubServer(farm, options)];
  await clientThatIsAway(farm, one, { userId: 'ada' });
  for (const { port } of [other, one]) {
    const client = await RawHubClient.open(farm, port, { userId: 'ada' });
    client.send(invocation('1', 'Echo', 1));
    expect(await client.completion('1')).toMatchObject({ result: 1 });
    client.socket.close();
    await client.until(({ closeCode }) => closeCode !== undefined);
    await expect.poll(() => other.broadcaster.gateway('/hub').local.count().connections).toBe(0);
  }
});

it('a forged token that is used twice does not cut off the other clients', async () => {
  const secret = 'known to the client';
  const options = {
    ...farm.options(),
    signalr: { tokenSecret: secret, tokenLifetime: 50 },
    unsubscribeDelay: 200,
  };
  const [server, other] = [await hubServer(farm, options), await hubServer(farm, options)];
  const gateway = server.app.get(HubGateway);
  const token = forgedToken(secret, '/hub');
  const first = await RawHubClient.withToken(farm, server.port, token);
  first.sendText(HANDSHAKE);
  await expect.poll(() => gateway.connected).toHaveLength(1);
  await until(Date.now() + 100);
  const second = open(server.port, `?id=${token}`);
  second.on('open', () => second.send(HANDSHAKE));
  await new Promise((resolve) => second.once('message', resolve).once('close', resolve));
  const connected = gateway.connected.length;
  first.socket.terminate();
  await expect.poll(() => gateway.disconnected).toHaveLength(1);
  second.terminate();
  await expect.poll(() => gateway.disconnected).toHaveLength(connected);
  const client = await RawHubClient.open(farm, server.port);
  // By then, the server would have unsubscribed.
  await until(Date.now() + 500);
  await other.broadcaster.gateway('/hub').emit('Said', 'hello');
  await other.broadcaster.gateway('/hub').emit('Said', 'again');
  await expect.poll(() => client.frames.filter(({ target }) => target === 'Said')).toHaveLength(2);
  expect(connected).toBe(1);
});

async function until(time: number): Promise<void> {
  await expect.poll(() => Date.now()).toBeGreaterThan(time);
}

describe('a plain client', () => {
  it('that requests a subprotocol may have a query parameter `id`', async () => {
    const server = await hubServer(farm);
    const socket = open(server.port, '?id=42', ['backplane.msgpack.v1']);
    await once(socket, 'open');
    expect(socket.protocol).toBe('backplane.msgpack.v1');
    await expect.poll(() => server.app.get(HubGateway).connected).toHaveLength(1);
  });

  it('that is refused beside clients without negotiation gets its close code; one with a token, its status', async () => {
    const { port } = await hubServer(farm, {
      authenticate: () => null,
      refusal: 'closeCode',
      signalr: { skipNegotiation: true },
    });
    expect(await upgrade(farm, port, '?id=42')).toBe(401);
    const [code] = (await once(open(port), 'close')) as [number];
    expect(code).toBe(1008);
  });
});
