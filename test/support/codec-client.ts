import { decode, encode } from '@msgpack/msgpack';
import { ReplaySubject } from 'rxjs';
import { WebSocket } from 'ws';
import { next } from './observe.js';
import type { ServerMessage } from './ws-client.js';

export type CodecName = 'json' | 'msgpack';

interface Codec {
  readonly subprotocols: readonly string[];
  encode(frame: object): string | Uint8Array;
  decode(bytes: Buffer): ServerMessage;
}

const CODECS: Readonly<Record<CodecName, Codec>> = {
  json: {
    subprotocols: [],
    encode: (frame) => JSON.stringify(frame),
    decode: (bytes) => JSON.parse(bytes.toString()) as ServerMessage,
  },
  msgpack: {
    subprotocols: ['backplane.msgpack.v1'],
    encode: (frame) => encode(frame),
    // Copy to a Uint8Array, because from a Buffer the decoder would make Buffers for binary data.
    decode: (bytes) => decode(new Uint8Array(bytes)) as ServerMessage,
  },
};

/** A client of one client protocol. A frame of the wrong type is an error. */
export class CodecClient {
  readonly received: ServerMessage[] = [];
  readonly closed: Promise<unknown>;
  private readonly received$ = new ReplaySubject<ServerMessage>();
  private readonly codec: Codec;

  private constructor(
    readonly socket: WebSocket,
    name: CodecName,
  ) {
    this.codec = CODECS[name];
    socket.on('message', (bytes: Buffer, binary: boolean) => {
      if (binary !== (name === 'msgpack'))
        return this.received$.error(
          new Error(`Received a frame of the wrong type for ${name}: ${bytes.toString()}`),
        );
      const message = this.codec.decode(bytes);
      this.received.push(message);
      this.received$.next(message);
    });
    this.closed = new Promise((resolve) => socket.once('close', resolve));
  }

  static async open(url: string, name: CodecName): Promise<CodecClient> {
    const socket = new WebSocket(url, [...CODECS[name].subprotocols]);
    const client = new CodecClient(socket, name);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
    });
    return client;
  }

  send(frame: object): void {
    this.socket.send(this.codec.encode(frame));
  }

  /** Resolves with the first matching message since the start. */
  message(matches: (message: ServerMessage) => boolean): Promise<ServerMessage> {
    return next(this.received$, matches);
  }

  event(name: string): Promise<ServerMessage> {
    return this.message(({ event }) => event === name);
  }

  /** Sends a request, a frame with an id. Resolves with the reply. */
  ask(event: string, data: unknown, id: string | number): Promise<ServerMessage> {
    this.send({ event, data, id });
    return this.message((message) => message.id === id && message.event === undefined);
  }

  dataOf(event: string): unknown[] {
    return this.received.filter((message) => message.event === event).map(({ data }) => data);
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}
