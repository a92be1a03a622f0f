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
  /** Those who asked, until the test decides. */
  readonly asked: Deferred<Admission | null>[];
  readonly requests: IncomingMessage[];
  /** Resolves when so many have asked. */
  asking(count: number): Promise<void>;
  counts(): { connections: number; refused: number };
}

/** A server whose clients wait until the test lets them in. */
async function gated(edge: EdgeOptions = {}): Promise<Gate> {
  const asked: Deferred<Admission | null>[] = [];
  const requests: IncomingMessage[] = [];
  const authenticate = (request: IncomingMessage): Promise<Admission | null> => {
    requests.push(request);
    const decision = new Deferred<Admission | null>();
    asked.push(decision);
    return decision.promise;
  };
  const server = await farm.server({ ...farm.options(), authenticate, ...edge }, {}, NotingGateway);
  return {
    server,
    gateway: server.app.get(NotingGateway),
    asked,
    requests,
    asking: (count) => eventually(() => expect(asked).toHaveLength(count)),
    counts: () => {
      const { connections, refused } = server.backplane.counters;
      return { connections, refused };
    },
  };
}

async function ask({ server }: Gate, first?: Buffer): Promise<RawClient> {
  const client = await RawClient.ask(server, '/chat', {}, first);
  farm.onEnd(() => client.socket.destroy());
  return client;
}

/** The value when the loop has turned fifty times without changing it. */
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
  it('no hook and no handler runs; then what it sent at once is handled in order, after the hook', async () => {
    const gate = await gated();
    const hook = new Deferred();
    gate.gateway.onConnection = () => hook.promise;
    const client = await ask(gate, notes(0, 50));
    await gate.asking(1);
    client.write(notes(50, 100));
    await turn();
    expect(gate.gateway.notes).toEqual([]);
    expect(client.received).toBe('');

    gate.asked[0]?.resolve({});
    await client.until(OPENED);
    client.write(notes(100, 150));
    await eventually(() => expect(gate.gateway.notes).toEqual(['connected /chat']));
    hook.resolve();

    await eventually(() => expect(gate.gateway.notes).toHaveLength(151));
    expect(gate.gateway.notes).toEqual(['connected /chat', ...Array(150).keys()]);
  });

  it('more than is kept for it waits in the network, and comes whole', async () => {
    const gate = await gated();
    const client = await ask(gate);
    await gate.asking(1);
    for (let index = 0; index < 40; index++)
      client.write(eventFrame('note', `${index}${'x'.repeat(20_000)}`));
    await turn();

    gate.asked[0]?.resolve({});

    await eventually(() => expect(gate.gateway.notes).toHaveLength(41));
    const sent = gate.gateway.notes.slice(1) as string[];
    expect(sent.map((text) => text.slice(0, -20_000))).toEqual([...Array(40).keys()].map(String));
  });

  it('a handshake in pieces is one', async () => {
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
    ['closes without a word', Buffer.alloc(0), ({ socket }) => socket.end()],
    ['is reset', Buffer.alloc(0), ({ socket }) => socket.resetAndDestroy()],
    ['is reset after a message', notes(0, 1), ({ socket }) => socket.resetAndDestroy()],
  ])('that one %s: it counts no more at once, and harms nobody', async (_name, first, vanish) => {
    const gate = await gated({ limits: { admissionTime: 600_000 } });
    const escaped = farm.escapes();
    const clients = await Promise.all(Array.from({ length: 20 }, () => ask(gate, first)));
    await gate.asking(20);
    expect(gate.counts()).toEqual({ connections: 20, refused: 0 });

    for (const client of clients) vanish(client);
    await eventually(() => expect(gate.counts().connections).toBe(0));
    for (const decision of gate.asked.splice(0)) decision.resolve({ userId: 'gone' });

    await turn();
    const alive = ask(gate);
    await gate.asking(1);
    gate.asked[0]?.resolve({});
    await (await alive).until(OPENED);
    await eventually(() => expect(gate.gateway.notes).toEqual(['connected /chat']));
    expect(escaped).toEqual([]);
  });

  it('no more of what it sends is read than fits two buffers of a socket', async () => {
    const gate = await gated();
    const flood = Buffer.concat(Array.from({ length: 1000 }, () => eventFrame('note', 'x'.repeat(20_000))));
    const client = await ask(gate);
    await gate.asking(1);
    client.write(flood);
    const { length } = flood;
    // What the kernels of both ends take is the same whether the server reads or not; it reads no more than this.
    const read = (): number => gate.requests[0]?.socket.bytesRead ?? 0;
    await eventually(() => expect(read()).toBeGreaterThan(10_000));
    const before = await settled(read);
    expect(before).toBeLessThan(200_000);

    gate.asked[0]?.resolve({});

    await eventually(() => expect(read()).toBeGreaterThan(length));
    await eventually(() => expect(gate.gateway.notes).toHaveLength(1001));
  });

  it('it counts against the limit: the next one is refused with 503, and let in when there is room', async () => {
    const gate = await gated({ limits: { connections: 3 } });
    const clients = await Promise.all(Array.from({ length: 3 }, () => ask(gate)));
    await gate.asking(3);

    expect(await refusal(gate.server, '/chat')).toBe(503);
    expect(gate.counts()).toEqual({ connections: 3, refused: 1 });
    gate.asked[0]?.resolve({});
    expect(await refusal(gate.server, '/chat')).toBe(503);
    clients[1]?.socket.destroy();
    await eventually(() => expect(gate.counts().connections).toBe(2));
    const fourth = await ask(gate);
    await gate.asking(4);
    gate.asked[3]?.resolve({});

    await fourth.until(OPENED);
    expect(gate.asked).toHaveLength(4);
  });

  it('a shutdown does not wait for it: it is refused with 503', async () => {
    const gate = await gated({ limits: { admissionTime: 600_000 } });
    const client = await ask(gate);
    await gate.asking(1);

    await gate.server.app.close();

    await client.until('HTTP/1.1 503 ');
    gate.asked[0]?.resolve({});
    await turn();
    expect(gate.gateway.notes).toEqual([]);
  });
});

describe('a client that sends all at once and ends its side', () => {
  type Parts = (client: RawClient) => unknown;
  const all = Buffer.concat([notes(0, 3), closeFrame(4000)]);
  const ask3 = Buffer.from(handshake('/chat'));

  const sendings: [name: string, send: Parts, code: number][] = [
    ['in one segment', ({ socket }) => socket.end(Buffer.concat([ask3, all])), 4000],
    ['without a close frame', ({ socket }) => socket.end(Buffer.concat([ask3, notes(0, 3)])), 1006],
    [
      'in pieces of a few bytes',
      async (client) => {
        client.write(ask3);
        for (let at = 0; at < all.length; at += 7) {
          client.write(all.subarray(at, at + 7));
          await turn();
        }
        client.socket.end();
      },
      4000,
    ],
    [
      'with half a frame at its end',
      ({ socket }) => socket.end(Buffer.concat([ask3, notes(0, 3), notes(3, 4).subarray(0, 9)])),
      1006,
    ],
  ];

  const admissions: [name: string, edge: EdgeOptions][] = [
    ['the app admits it later', {}],
    ['the app admits it at once', { authenticate: () => ({ userId: 'u' }) }],
    ['nobody is asked', { authenticate: undefined }],
  ];

  const cases = admissions.flatMap((admission) =>
    sendings.map(([name, ...sending]) => [admission[0], name, admission[1], ...sending] as const),
  );

  it.each(cases)('is heard to the end where %s: %s', async (_when, _name, edge, send, code) => {
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
      await gate.asking(1);
      await turn();
      expect(gate.counts().connections).toBe(1);
      gate.asked[0]?.resolve({});
    }
    await eventually(() => expect(gate.gateway.notes).toEqual(['connected /chat']));
    hook.resolve();
    await eventually(() => expect(gate.gateway.notes).toContain('disconnected'));
    expect(gate.gateway.notes).toEqual(['connected /chat', ...Array(3).keys(), 'disconnected']);
    expect(codes).toEqual([code]);
    await client.closed;
    await eventually(() => expect(gate.counts().connections).toBe(0));
  });

  it('is handled in the middle of others whose clients stay', async () => {
    const gate = await gated();
    const staying = await ask(gate, notes(0, 1));
    const leaving = await RawClient.open(gate.server);
    leaving.socket.end(Buffer.concat([ask3, eventFrame('note', 'last'), closeFrame()]));
    await gate.asking(2);
    for (const decision of gate.asked) decision.resolve({});
    await staying.until('"noted"');
    await eventually(() => expect(gate.gateway.notes).toContain('last'));
    await eventually(() => expect(gate.counts().connections).toBe(1));
  });

  it.each<[name: string, edge: EdgeOptions, answer: string]>([
    ['a status', {}, 'HTTP/1.1 401 '],
    ['a close code', { refusal: 'closeCode' }, 'Refused'],
  ])('is told with %s that it is refused, and handled no more', async (_name, edge, answer) => {
    const gate = await gated(edge);
    const client = await RawClient.open(gate.server);
    client.socket.allowHalfOpen = true;
    farm.onEnd(() => client.socket.destroy());
    client.socket.end(Buffer.concat([ask3, notes(0, 3)]));
    await gate.asking(1);
    gate.asked[0]?.resolve(null);
    await client.until(answer);
    await client.closed;
    await eventually(() => expect(gate.counts()).toEqual({ connections: 0, refused: 1 }));
    expect(gate.gateway.notes).toEqual([]);
  });

  it('does not hold up a shutdown', async () => {
    const gate = await gated({ limits: { admissionTime: 600_000 } });
    const client = await RawClient.open(gate.server);
    client.socket.allowHalfOpen = true;
    client.socket.end(Buffer.concat([ask3, all]));
    await gate.asking(1);
    await gate.server.app.close();
    await client.until('HTTP/1.1 503 ');
    expect(gate.gateway.notes).toEqual([]);
  });
});
