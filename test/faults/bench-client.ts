import { once } from 'node:events';
import { WebSocket } from 'ws';
import { now } from './clock.js';
import type { ClientFacts, Received, Time } from './facts.js';

const REPLY_DEADLINE_MS = 30_000;

interface Frame {
  readonly event?: string;
  /** A number in a client's request, a string in a server's. */
  readonly id?: number | string;
  readonly data: unknown;
}

/** A client that records the messages it receives, in order, and asks its server to join and leave groups. */
export class BenchClient {
  connectionId = '';
  private received: Received[] = [];
  readonly whenClosed: Promise<number>;
  private opened: Time = Infinity;
  private closed: Time | undefined;
  private arrived = now();
  private readonly replies = new Map<number, (data: unknown) => void>();
  /** The servers whose last emit has arrived. */
  private readonly halted = new Set<number>();
  private requests = 0;

  private constructor(
    readonly server: number,
    readonly user: string,
    private readonly socket: WebSocket,
  ) {
    socket.on('message', (bytes: Buffer) => this.read(JSON.parse(bytes.toString()) as Frame));
    this.whenClosed = new Promise((resolve) => {
      socket.on('close', (code) => {
        this.closed = now();
        for (const resolveReply of this.replies.values()) resolveReply(undefined);
        resolve(code);
      });
    });
  }

  static async open(url: string, place: { server: number; user: string }): Promise<BenchClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await once(socket, 'open');
    const client = new BenchClient(place.server, place.user, socket);
    socket.on('error', () => undefined);
    client.connectionId = String(await client.request('id'));
    // The server subscribes to the user's channel before it handles the first request.
    client.opened = now();
    return client;
  }

  get facts(): ClientFacts {
    const { server, user, opened, closed, received } = this;
    return { server, user, opened, closed, received };
  }

  /** When the last frame arrived. */
  get arrivedAt(): Time {
    return this.arrived;
  }

  get isOpen(): boolean {
    return this.closed === undefined;
  }

  /** Discards everything received so far because another run begins. */
  forget(): void {
    this.received = [];
    this.halted.clear();
  }

  hasHeardTheLastOf(server: number): boolean {
    return this.halted.has(server);
  }

  /** Resolves with `true` if the join succeeded. */
  async join(group: string): Promise<boolean> {
    return (await this.request('join', group)) === true;
  }

  async leave(group: string): Promise<void> {
    await this.request('leave', group);
  }

  end(): void {
    this.socket.terminate();
  }

  private request(event: string, data?: unknown): Promise<unknown> {
    if (!this.isOpen) return Promise.resolve(undefined);
    const id = ++this.requests;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), REPLY_DEADLINE_MS);
      this.replies.set(id, (reply) => {
        clearTimeout(timer);
        this.replies.delete(id);
        resolve(reply);
      });
      this.socket.send(JSON.stringify({ event, data, id }));
    });
  }

  private read({ event, id, data }: Frame): void {
    this.arrived = now();
    if (event === 'm') {
      const [sender, number] = data as [number, number];
      this.received.push({ sender, number });
    } else if (event === 'halted') {
      this.halted.add(data as number);
    } else if (event !== undefined && id !== undefined) {
      // A request from a server.
      this.socket.send(JSON.stringify({ id, data: null }));
    } else if (id !== undefined) {
      this.replies.get(Number(id))?.(data);
    }
  }
}
