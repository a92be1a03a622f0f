import { once } from 'node:events';
import { WebSocket } from 'ws';
import { now } from './clock.js';
import type { ClientFacts, Received, Time } from './facts.js';

const ANSWER_DEADLINE_MS = 30_000;

interface Frame {
  readonly event?: string;
  /** A server's own are strings. */
  readonly id?: number | string;
  readonly data: unknown;
}

/** A client that notes what arrives, in order, and asks its server to let it join and leave groups. */
export class BenchClient {
  connectionId = '';
  private received: Received[] = [];
  readonly whenClosed: Promise<number>;
  private opened: Time = Infinity;
  private closed: Time | undefined;
  private arrived = now();
  private readonly answers = new Map<number, (data: unknown) => void>();
  /** Servers that said that they have emitted their last. */
  private readonly halted = new Set<number>();
  private asked = 0;

  private constructor(
    readonly server: number,
    readonly user: string,
    private readonly socket: WebSocket,
  ) {
    socket.on('message', (bytes: Buffer) => this.read(JSON.parse(bytes.toString()) as Frame));
    this.whenClosed = new Promise((resolve) => {
      socket.on('close', (code) => {
        this.closed = now();
        for (const answer of this.answers.values()) answer(undefined);
        resolve(code);
      });
    });
  }

  static async open(url: string, place: { server: number; user: string }): Promise<BenchClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await once(socket, 'open');
    const client = new BenchClient(place.server, place.user, socket);
    socket.on('error', () => undefined);
    client.connectionId = String(await client.ask('id'));
    // Its server has subscribed the user's channel before it handled that.
    client.opened = now();
    return client;
  }

  get facts(): ClientFacts {
    const { server, user, opened, closed, received } = this;
    return { server, user, opened, closed, received };
  }

  /** When something last arrived. */
  get arrivedAt(): Time {
    return this.arrived;
  }

  get isOpen(): boolean {
    return this.closed === undefined;
  }

  /** Another run begins: what came before does not count for it. */
  forget(): void {
    this.received = [];
    this.halted.clear();
  }

  hasHeardTheLastOf(server: number): boolean {
    return this.halted.has(server);
  }

  /** Resolves with whether the client is in the group. */
  async join(group: string): Promise<boolean> {
    return (await this.ask('join', group)) === true;
  }

  async leave(group: string): Promise<void> {
    await this.ask('leave', group);
  }

  end(): void {
    this.socket.terminate();
  }

  private ask(event: string, data?: unknown): Promise<unknown> {
    if (!this.isOpen) return Promise.resolve(undefined);
    const id = ++this.asked;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), ANSWER_DEADLINE_MS);
      this.answers.set(id, (answer) => {
        clearTimeout(timer);
        this.answers.delete(id);
        resolve(answer);
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
      // Asked by a server.
      this.socket.send(JSON.stringify({ id, data: null }));
    } else if (id !== undefined) {
      this.answers.get(Number(id))?.(data);
    }
  }
}
