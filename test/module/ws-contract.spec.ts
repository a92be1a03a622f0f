import { once } from 'node:events';
import { type AddressInfo, Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { afterEach, describe, expect, it } from 'vitest';
import { closeFrameReceived, sendsAsIs, writeControl, writeFrames } from '../../lib/adapter/fast-write.js';
import { watchSockets } from '../../lib/adapter/watched-socket.js';
import { ClientFrame } from '../../lib/protocol/client-frame.js';

// The private members of ws that fast-write.ts uses. If a new version of ws changes them, these tests fail first.

interface Internals {
  readonly _socket: unknown;
  readonly _sender: { readonly _state: unknown; readonly _queue: unknown };
}

const internals = (socket: WebSocket): Internals => socket as unknown as Internals;

let server: WebSocketServer | undefined;

afterEach(async () => {
  for (const socket of server?.clients ?? []) socket.terminate();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
});

/** Both ends of one connection. */
async function pair(
  perMessageDeflate: boolean | object,
  prepare: (server: WebSocketServer) => void = () => undefined,
): Promise<[ours: WebSocket, theirs: WebSocket]> {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate });
  prepare(server);
  await once(server, 'listening');
  const theirs = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const [connection] = await Promise.all([once(server, 'connection'), once(theirs, 'open')]);
  return [(connection as [WebSocket])[0], theirs];
}

/** The next messages that arrive, as text. */
function messages(socket: WebSocket, count: number): Promise<string[]> {
  const texts: string[] = [];
  return new Promise((resolve) => {
    socket.on('message', (bytes: Buffer) => {
      texts.push(bytes.toString());
      if (texts.length === count) resolve(texts);
    });
  });
}

const wire = (...texts: string[]): Buffer => Buffer.concat(texts.map((text) => ClientFrame.text(text).wire));

describe('an idle socket of ws', () => {
  it('has its TCP socket in _socket, and a sender with state 0 and an empty queue', async () => {
    const [ours] = await pair(false);
    expect(internals(ours)._socket).toBeInstanceOf(Socket);
    expect(internals(ours)._sender).toMatchObject({ _state: 0, _queue: [] });
    expect(ours.extensions).toBe('');
  });

  it('sends prepared frames, one or several at a time, in order with its own messages', async () => {
    const [ours, theirs] = await pair(false);
    const received = messages(theirs, 5);
    ours.send('1');
    expect(writeFrames(ours, wire('2', '3'))).toBe(true);
    ours.send('4');
    expect(writeFrames(ours, wire('5'))).toBe(true);
    expect(await received).toEqual(['1', '2', '3', '4', '5']);
  });
});

describe('prepared frames are not written', () => {
  it('if the connection compresses', async () => {
    const [ours, theirs] = await pair(true);
    const [plain] = await pair(false);
    expect(ours.extensions).toContain('permessage-deflate');
    expect([sendsAsIs(ours), sendsAsIs(plain)]).toEqual([false, true]);
    const received = messages(theirs, 1);
    ours.send('this');
    expect(await received).toEqual(['this']);
  });

  it('while ws compresses a message: its state is not 0, and it queues later messages', async () => {
    const [ours] = await pair({ threshold: 0 });
    ours.send('x'.repeat(10_000));
    ours.send('y');
    expect(internals(ours)._sender._state).not.toBe(0);
    expect(internals(ours)._sender._queue).toHaveLength(1);
    expect(writeFrames(ours, wire('not this'))).toBe(false);
  });

  it('while ws reads a Blob: its state is not 0', async () => {
    const [ours, theirs] = await pair(false);
    const received = messages(theirs, 2);
    ours.send(new Blob(['1']));
    expect(internals(ours)._sender._state).not.toBe(0);
    expect(writeFrames(ours, wire('not this'))).toBe(false);
    ours.send('2');
    expect(await received).toEqual(['1', '2']);
  });

  it('after the socket has closed', async () => {
    const [ours, theirs] = await pair(false);
    theirs.terminate();
    await once(ours, 'close');
    expect(writeFrames(ours, wire('not this'))).toBe(false);
  });
});

describe('control frames', () => {
  const pong = Buffer.from([0x8a, 2, 0x68, 0x69]);

  it('are written while ws compresses a message, without damaging it', async () => {
    const [ours, theirs] = await pair({ threshold: 0 });
    const received = messages(theirs, 2);
    const answered = once(theirs, 'pong');
    ours.send('x'.repeat(100_000));
    ours.send('y');
    expect(internals(ours)._sender._state).not.toBe(0);
    await new Promise<void>((resolve) => writeControl(ours, pong, resolve));
    expect(await answered).toEqual([Buffer.from('hi')]);
    expect(await received).toEqual(['x'.repeat(100_000), 'y']);
  });

  it('are not written after the socket has closed', async () => {
    const [ours, theirs] = await pair(false);
    theirs.terminate();
    await once(ours, 'close');
    writeControl(ours, pong, () => expect.unreachable('It was written.'));
  });
});

describe('a server of ws', () => {
  it('creates sockets from the class in its options, and calls close() whichever side starts', async () => {
    const calls: string[] = [];
    const watch = ({ options }: WebSocketServer): void => {
      const { WebSocket: Base = WebSocket } = options;
      options.WebSocket = class extends Base {
        override close(code?: number, data?: string | Buffer): void {
          calls.push(`${this.readyState} ${closeFrameReceived(this)}`);
          super.close(code, data);
        }
      };
    };
    const begins: [string, (ours: WebSocket, theirs: WebSocket) => void][] = [
      ['1 false,2 true', (ours) => ours.close()],
      ['1 true', (_ours, theirs) => theirs.close()],
      // A protocol error.
      ['1 false', (_ours, theirs) => (internals(theirs)._socket as Socket).write(Buffer.from([0xf1, 0x80]))],
    ];
    for (const [expected, begin] of begins) {
      const [ours, theirs] = await pair(false, watch);
      ours.on('error', () => undefined);
      const closed = new Promise((resolve) => ours.on('close', resolve));
      begin(ours, theirs);
      await closed;
      expect(calls.splice(0).join()).toBe(expected);
    }
  });

  it('is refused by watchSockets if its options have no class for sockets', () => {
    const bare = new WebSocketServer({ noServer: true });
    bare.options.WebSocket = undefined;
    expect(() => watchSockets(bare)).toThrow('This version of ws');
  });
});
