import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ClientFrame } from '../../lib/protocol/client-frame.js';
import { Random } from '../support/seed.js';
import { Sender } from '../support/ws-sender.js';

const SIZES = [0, 1, 125, 126, 65_535, 65_536, 70_000];
const TEXTS = ['', 'plain', 'größer als Ä', '漢字', '😀'.repeat(31), '😀'.repeat(32), 'é'.repeat(32_768)];

/** The frame that the ws package writes for the same message. */
function frameOfWs(payload: Buffer, binary: boolean): Buffer {
  const options = { fin: true, rsv1: false, opcode: binary ? 2 : 1, mask: false, readOnly: true };
  return Buffer.concat(Sender.frame(payload, options));
}

/** The messages that a ws client reads from a server that completes the handshake and then writes exactly these bytes. */
async function readByClient(wire: Buffer, count: number): Promise<{ data: Buffer; binary: boolean }[]> {
  const server = createServer().on('upgrade', ({ headers }, socket) => {
    const accept = createHash('sha1')
      .update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    socket.write([...head, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
    socket.write(wire);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  try {
    return await new Promise((resolve, reject) => {
      const messages: { data: Buffer; binary: boolean }[] = [];
      client.on('error', reject);
      client.on('close', () => reject(new Error('the client closed the connection')));
      client.on('message', (data: Buffer, binary) => {
        if (messages.push({ data, binary }) === count) resolve(messages);
      });
    });
  } finally {
    client.terminate();
    server.close();
  }
}

describe('a client frame', () => {
  it.each(SIZES)('is identical to the frame of ws for %i bytes', (size) => {
    const ascii = 'x'.repeat(size);
    expect(ClientFrame.text(ascii).wire.equals(frameOfWs(Buffer.from(ascii), false))).toBe(true);
    const bytes = new Random(size).bytes(size);
    expect(ClientFrame.of(bytes, true).wire.equals(frameOfWs(bytes, true))).toBe(true);
    expect(ClientFrame.of(bytes, false).wire.equals(frameOfWs(bytes, false))).toBe(true);
  });

  it.each(TEXTS)('counts bytes, not characters, of %.20j', (text) => {
    const frame = ClientFrame.text(text);
    expect(frame.wire.equals(frameOfWs(Buffer.from(text), false))).toBe(true);
    expect(frame.payload.toString()).toBe(text);
  });

  it('is read correctly by a ws client when many frames arrive back to back', async () => {
    const frames = [
      ...TEXTS.map((text) => ClientFrame.text(text)),
      ...SIZES.map((size) => ClientFrame.of(new Random(size).bytes(size), true)),
    ];
    const messages = await readByClient(Buffer.concat(frames.map(({ wire }) => wire)), frames.length);
    messages.forEach(({ data, binary }, index) => {
      expect(binary).toBe(frames[index]?.binary);
      expect(frames[index]?.payload.equals(data)).toBe(true);
    });
  });

  it('copies its payload, so the source may change afterwards and is not kept in memory', () => {
    const large = Buffer.alloc(1_000_000, 'a');
    const frame = ClientFrame.of(large.subarray(10, 20), false);
    large.fill('b');
    expect(frame.payload.toString()).toBe('aaaaaaaaaa');
  });
});
