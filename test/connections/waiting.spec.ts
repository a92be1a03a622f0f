import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import type { Admission } from '../../lib/options/authenticate.js';
import type { EdgeOptions } from '../../lib/options/edge-options.js';
import type { ChatServer } from '../support/chat-app.js';
import { NotingGateway } from '../support/noting.gateway.js';
import { eventually } from '../support/observe.js';
import { closeFrame, eventFrame, handshake, RawClient, refusal } from '../support/raw-client.js';
import { turn, useTestFarm } from '../support/test-farm.js';

const OPENED = 'HTTP/1.1 101 ';
const farm = useTestFarm();

interface Gate {
  readonly server: ChatServer;
  readonly gateway: NotingGateway;
  /** The pending results of `authenticate`, which the test resolves. */
  readonly decisions: Deferred<Admission | null>[];
  readonly requests: IncomingMessage[];
  /** Resolves once `authenticate` has been called this many times. */
  untilCalled(count: number): Promise<void>;
  counts(): { connections: number; refused: number };
}

/** A server whose clients wait until the test admits them. */
async function gated(edge: EdgeOptions = {}): Promise<Gate> {
  const decisions: Deferred<Admission | null>[] = [];
  const requests: IncomingMessage[] = [];
  const authenticate = (request: IncomingMessage): Promise<Admission | null> => {
    requests.push(request);
    const decision = new Deferred<Admission | null>();
    decisions.push(decision);
    return decision.promise;
  };
  const server = await farm.server({ ...farm.options(), authenticate, ...edge }, {}, NotingGateway);
  return {
    server,
    gateway: server.app.get(NotingGateway),
    decisions,
    requests,
    untilCalled: (count) => eventually(() => expect(decisions).toHaveLength(count)),
    counts: () => {
      const { connections, refused } = server.backplane.counters;
      return { connections, refused };
    },
  };
}

async function connect({ server }: Gate, first?: Buffer): Promise<RawClient> {
  const client = await RawClient.ask(server, '/chat', {}, first);
  farm.onEnd(() => client.socket.destroy());
  return client;
}

/** Resolves with the value once it has not changed for fifty turns of the event loop. */
async function settled(value: () => number): Promise<number> {
  let known = value();
  for (let turns = 0; turns < 50; turns++) {
    await turn();
    if (value() === known) continue;
    known = value();
    turns = 0;
  }
  return known;
}

const notes = (from: number, to: number): Buffer =>
  Buffer.concat(Array.from({ length: to - from }, (_, index) => eventFrame('note', from + index)));

describe('while a client waits for admission', () => {
  it('no hook or handler runs, and its early messages are handled later, in order and after the hook', async () => {
    const gate = await gated();
    const hook = new Deferred();
    gate.gateway.onConnection = () => hook.promise;
    const client = await connect(gate, notes(0, 50));
    await gate.untilCalled(1);
    client.write(notes(50, 100));
    await turn();
    expect(gate.gateway.notes).toEqual([]);
    expect(client.received).toBe('');

    gate.decisions[0]?.resolve({});
    await client.until(OPENED);
    client.write(notes(100, 150));
    await eventually(() => expect(gate.gateway.notes).toEqual(['connected /chat']));
    hook.resolve();

    await eventually(() => expect(gate.gateway.notes).toHaveLength(151));
    expect(gate.gateway.notes).toEqual(['connected /chat', ...Array(150).keys()]);
  });

  it('messages beyond the buffer stay in the network and arrive complete', async () => {
    const gate = await gated();
    const client = await connect(gate);
    await gate.untilCalled(1);
    for (let index = 0; index < 40; index++)
      client.write(eventFrame('note', `${index}${'x'.repeat(20_000)}`));
    await turn();

    gate.decisions[0]?.resolve({});

    await eventually(() => expect(gate.gateway.notes).toHaveLength(41));
    const sent = gate.gateway.notes.slice(1) as string[];
    expect(sent.map((text) => text.slice(0, -20_000))).toEqual([...Array(40).keys()].map(String));
  });

  it('a handshake in small pieces is accepted', async () => {
    const gate = await gated({ authenticate: undefined });
    const client = await RawClient.open(gate.server);
    farm.onEnd(() => client.socket.destroy());
    client.socket.setNoDelay(true);
    for (const piece of handshake('/chat').match(/[^]{1,20}/g) ?? []) {
      client.write(piece);
      await turn();
    }
    await client.until(OPENED);
  });

  it.each<[name: string, first: Buffer, vanish: (client: RawClient) => unknown]>([
    ['a FIN', Buffer.alloc(0), ({ socket }) => socket.end()],
    ['a reset', Buffer.alloc(0), ({ socket }) => socket.resetAndDestroy()],
    ['a reset after a message', notes(0, 1), ({ socket }) => socket.resetAndDestroy()],
  ])('%s frees its place at once and affects no other client', async (_name, first, vanish) => {
    const gate = await gated({ limits: { admissionTime: 600_000 } });
    const escaped = farm.escapes();
    const clients = await Promise.all(Array.from({ length: 20 }, () => connect(gate, first)));
    await gate.untilCalled(20);
    expect(gate.counts()).toEqual({ connections: 20, refused: 0 });

    for (const client of clients) vanish(client);
    await eventually(() => expect(gate.counts().connections).toBe(0));
    for (const decision of gate.decisions.splice(0)) decision.resolve({ userId: 'gone' });

    await turn();
    const alive = connect(gate);
    await gate.untilCalled(1);
    gate.decisions[0]?.resolve({});
    await (await alive).until(OPENED);
    await eventually(() => expect(gate.gateway.notes).toEqual(['connected /chat']));
    expect(escaped).toEqual([]);
  });

  it('the server reads no more of its messages than fits into two socket buffers', async () => {
    // The handlers reply with what they get, and a client that falls behind with reading that must not be closed.
    const gate = await gated({ limits: { bufferedBytes: 32 * 1024 * 1024 } });
    const flood = Buffer.concat(Array.from({ length: 1000 }, () => eventFrame('note', 'x'.repeat(20_000))));
    const client = await connect(gate);
    await gate.untilCalled(1);
    client.write(flood);
    // The kernels buffer the same amount whether the server reads or not, so measure what the server itself has read.
    const read = (): number => gate.requests[0]?.socket.bytesRead ?? 0;
    await eventually(() => expect(read()).toBeGreaterThan(10_000));
    const before = await settled(read);
    expect(before).toBeLessThan(200_000);
    gate.decisions[0]?.resolve({});

    await eventually(() => expect(read()).toBeGreaterThan(flood.length));
    await eventually(() => expect(gate.gateway.notes).toHaveLength(1001));
  });

  it('it counts towards limits.connections, so another client is refused with 503 until there is room', async () => {
    const gate = await gated({ limits: { connections: 3 } });
    const clients = await Promise.all(Array.from({ length: 3 }, () => connect(gate)));
    await gate.untilCalled(3);

    expect(await refusal(gate.server, '/chat')).toBe(503);
    expect(gate.counts()).toEqual({ connections: 3, refused: 1 });
    gate.decisions[0]?.resolve({});
    expect(await refusal(gate.server, '/chat')).toBe(503);
    clients[1]?.socket.destroy();
    await eventually(() => expect(gate.counts().connections).toBe(2));
    const fourth = await connect(gate);
    await gate.untilCalled(4);
    gate.decisions[3]?.resolve({});

    await fourth.until(OPENED);
    expect(gate.decisions).toHaveLength(4);
  });

  it('a shutdown refuses it with 503 and does not wait for it', async () => {
    const gate = await gated({ limits: { admissionTime: 600_000 } });
    const client = await connect(gate);
    await gate.untilCalled(1);

    await gate.server.app.close();

    await client.until('HTTP/1.1 503 ');
    gate.decisions[0]?.resolve({});
    await turn();
    expect(gate.gateway.notes).toEqual([]);
  });
});

describe('a client that sends everything at once and ends its side', () => {
  type Parts = (client: RawClient) => unknown;
  const all = Buffer.concat([notes(0, 3), closeFrame(4000)]);
  const upgrade = Buffer.from(handshake('/chat'));

  const sendings: [name: string, send: Parts, code: number][] = [
    ['in one segment', ({ socket }) => socket.end(Buffer.concat([upgrade, all])), 4000],
    ['without a close frame', ({ socket }) => socket.end(Buffer.concat([upgrade, notes(0, 3)])), 1006],
    [
      'in pieces of a few bytes',
      async (client) => {
        client.write(upgrade);
        for (let at = 0; at < all.length; at += 7) {
          client.write(all.subarray(at, at + 7));
          await turn();
        }
        client.socket.end();
      },
      4000,
    ],
    [
      'with half a frame at the end',
      ({ socket }) => socket.end(Buffer.concat([upgrade, notes(0, 3), notes(3, 4).subarray(0, 9)])),
      1006,
    ],
  ];

  const admissions: [name: string, edge: EdgeOptions][] = [
    ['authenticate admits it later', {}],
    ['authenticate admits it at once', { authenticate: () => ({ userId: 'u' }) }],
    ['there is no authenticate', { authenticate: undefined }],
  ];

  const cases = admissions.flatMap((admission) =>
    sendings.map(([name, ...sending]) => [admission[0], name, admission[1], ...sending] as const),
  );

  it.each(cases)('has all its messages handled if %s: %s', async (_when, _name, edge, send, code) => {
    const gate = await gated(edge);
    const codes: unknown[] = [];
    const hook = new Deferred();
    gate.gateway.onConnection = (client) => {
      client.socket.on('close', (closeCode) => codes.push(closeCode));
      return hook.promise;
    };
    const client = await RawClient.open(gate.server);
    farm.onEnd(() => client.socket.destroy());
    client.socket.setNoDelay(true);

    await send(client);

    if (!edge.authenticate && !('authenticate' in edge)) {
      await gate.untilCalled(1);
      await turn();
      expect(gate.counts().connections).toBe(1);
      gate.decisions[0]?.resolve({});
    }
    await eventually(() => expect(gate.gateway.notes).toEqual(['connected /chat']));
    hook.resolve();
    await eventually(() => expect(gate.gateway.notes).toContain('disconnected'));
    expect(gate.gateway.notes).toEqual(['connected /chat', ...Array(3).keys(), 'disconnected']);
    expect(codes).toEqual([code]);
    await client.closed;
    await eventually(() => expect(gate.counts().connections).toBe(0));
  });

  it('is handled alongside clients that stay connected', async () => {
    const gate = await gated();
    const staying = await connect(gate, notes(0, 1));
    const leaving = await RawClient.open(gate.server);
    leaving.socket.end(Buffer.concat([upgrade, eventFrame('note', 'last'), closeFrame()]));
    await gate.untilCalled(2);
    for (const decision of gate.decisions) decision.resolve({});
    await staying.until('"noted"');
    await eventually(() => expect(gate.gateway.notes).toContain('last'));
    await eventually(() => expect(gate.counts().connections).toBe(1));
  });

  it.each<[name: string, edge: EdgeOptions, answer: string]>([
    ['a status', {}, 'HTTP/1.1 401 '],
    ['a close code', { refusal: 'closeCode' }, 'Refused'],
  ])('can be refused with %s, and none of its messages are handled', async (_name, edge, answer) => {
    const gate = await gated(edge);
    const client = await RawClient.open(gate.server);
    client.socket.allowHalfOpen = true;
    farm.onEnd(() => client.socket.destroy());
    client.socket.end(Buffer.concat([upgrade, notes(0, 3)]));
    await gate.untilCalled(1);
    gate.decisions[0]?.resolve(null);
    await client.until(answer);
    await client.closed;
    await eventually(() => expect(gate.counts()).toEqual({ connections: 0, refused: 1 }));
    expect(gate.gateway.notes).toEqual([]);
  });

  it('does not delay a shutdown', async () => {
    const gate = await gated({ limits: { admissionTime: 600_000 } });
    const client = await RawClient.open(gate.server);
    client.socket.allowHalfOpen = true;
    client.socket.end(Buffer.concat([upgrade, all]));
    await gate.untilCalled(1);
    await gate.server.app.close();
    await client.until('HTTP/1.1 503 ');
    expect(gate.gateway.notes).toEqual([]);
  });
});
