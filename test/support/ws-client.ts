import type { IncomingHttpHeaders } from 'node:http';
import { WebSocket } from 'ws';

export interface ServerMessage {
  readonly event?: string;
  readonly data?: unknown;
  readonly id?: string | number;
  readonly error?: unknown;
}

interface Waiter {
  readonly matches: (message: ServerMessage) => boolean;
  readonly resolve: (message: ServerMessage) => void;
}

const WAIT_MS = 10_000;

/** A client that records received messages in order and can wait for the next ones. */
export class WsClient {
  readonly received: ServerMessage[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  /** The headers of the upgrade's response. */
  headers: IncomingHttpHeaders = {};
  private readonly waiters = new Set<Waiter>();
  private read = 0;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (bytes: Buffer) => this.receive(JSON.parse(bytes.toString()) as ServerMessage));
    socket.once('upgrade', ({ headers }) => (this.headers = headers));
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  static async open(
    url: string,
    options: ConstructorParameters<typeof WebSocket>[2] = {},
  ): Promise<WsClient> {
    const socket = new WebSocket(url, options);
    const client = new WsClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
    });
    socket.on('error', () => undefined);
    return client;
  }

  send(event: string, data?: unknown, id?: string | number): void {
    this.socket.send(JSON.stringify({ event, data, id }));
  }

  sendRaw(bytes: string | Buffer): void {
    this.socket.send(bytes);
  }

  /** Resolves with the next message (of the event) that `next` has not returned yet. */
  next(event?: string): Promise<ServerMessage> {
    const matches = (message: ServerMessage): boolean => event === undefined || message.event === event;
    while (this.read < this.received.length) {
      const message = this.received[this.read++] as ServerMessage;
      if (matches(message)) return Promise.resolve(message);
    }
    return this.waitFor((message) => {
      this.read = this.received.length;
      return matches(message);
    });
  }

  /** Resolves once `expected` messages of the event have been received since the start. */
  async count(event: string, expected: number): Promise<void> {
    let seen = this.received.filter((message) => message.event === event).length;
    if (seen >= expected) return;
    await this.waitFor((message) => message.event === event && ++seen >= expected, 60_000);
  }

  dataOf(event: string): unknown[] {
    return this.received.filter((message) => message.event === event).map(({ data }) => data);
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }

  /** Also rejects if the connection closes, because nothing more can arrive. */
  private waitFor(matches: Waiter['matches'], timeoutMs = WAIT_MS): Promise<ServerMessage> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
        const last = JSON.stringify(this.received.slice(-5)).slice(0, 300);
        reject(new Error(`${why}; received ${this.received.length} messages, the last of which are ${last}`));
      };
      const timer = setTimeout(() => fail(`no such message within ${timeoutMs} ms`), timeoutMs);
      const waiter: Waiter = {
        matches,
        resolve: (message) => {
          clearTimeout(timer);
          resolve(message);
        },
      };
      this.waiters.add(waiter);
      void this.closed.then(({ code, reason }) => fail(`the connection closed with ${code} ${reason}`));
    });
  }

  private receive(message: ServerMessage): void {
    this.received.push(message);
    for (const waiter of [...this.waiters]) {
      if (!waiter.matches(message)) continue;
      this.waiters.delete(waiter);
      waiter.resolve(message);
    }
  }
}
