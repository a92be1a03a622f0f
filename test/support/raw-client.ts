import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { vi } from 'vitest';
import { Sender } from './ws-sender.js';

const DEADLINE_MS = 10_000;

export const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A client's frame, which is masked. */
export function clientFrame(payload: string | Buffer, opcode: number = OPCODE.text): Buffer {
  const options = { fin: true, rsv1: false, opcode, mask: true, readOnly: true };
  return Buffer.concat(Sender.frame(Buffer.from(payload), options));
}

export function eventFrame(event: string, data?: unknown, id?: string | number): Buffer {
  return clientFrame(JSON.stringify({ event, data, id }));
}

/** A client's close frame without a reason. */
export function closeFrame(code = 1000): Buffer {
  return clientFrame(Buffer.from([code >> 8, code & 0xff]), OPCODE.close);
}

/** The text of a WebSocket handshake. */
export function handshake(path: string, headers: Readonly<Record<string, string>> = {}): string {
  const all = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** A raw TCP connection that sends only what the test tells it to. It does not reply to pings. */
export class RawClient {
  readonly closed: Promise<void>;
  /** All bytes received, as Latin-1 text: one character per byte. */
  received = '';

  private constructor(readonly socket: Socket) {
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined);
    socket.setEncoding('latin1').on('data', (text: string) => (this.received += text));
  }

  static async open({ port }: { port: number }): Promise<RawClient> {
    const client = new RawClient(connect(port, '127.0.0.1'));
    await once(client.socket, 'connect');
    return client;
  }

  /** Connects and requests an upgrade. `first` is sent in the same packet. */
  static async ask(
    server: { port: number },
    path: string,
    headers: Readonly<Record<string, string>> = {},
    first: Buffer = Buffer.alloc(0),
  ): Promise<RawClient> {
    const client = await RawClient.open(server);
    client.write(Buffer.concat([Buffer.from(handshake(path, headers)), first]));
    return client;
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  async until(text: string): Promise<void> {
    await vi.waitFor(
      () => {
        if (!this.received.includes(text))
          throw new Error(`"${text}" not received. The last bytes: ${this.received.slice(-200)}`);
      },
      { timeout: DEADLINE_MS, interval: 5 },
    );
  }
}

/** Resolves with the HTTP status of a refused upgrade. Rejects if the upgrade is accepted. */
export function refusal(
  { port }: { port: number },
  path: string,
  options: { readonly origin?: string; readonly headers?: Record<string, string> } = {},
): Promise<number | undefined> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
  return new Promise((resolve, reject) => {
    socket.once('error', () => undefined);
    socket.once('unexpected-response', (_request, response) => {
      resolve(response.statusCode);
      response.resume();
      socket.terminate();
    });
    socket.once('open', () => {
      socket.terminate();
      reject(new Error(`Expected a refusal, but the upgrade to ${path} was accepted.`));
    });
  });
}
