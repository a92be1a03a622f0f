import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Who } from '../../servers/balanced-server.js';
import type { ServerMessage } from '../../support/ws-client.js';

/** Clients that are sent away together do not come back in one instant. */
const RECONNECT_MS = 50;

/** What a client received on one connection, as a member of the group. */
export interface Life {
  readonly pid: number;
  /** The number that was to be emitted next when the client learned that it is a member. */
  readonly joinedAt: number;
  readonly numbers: readonly number[];
  /** Of its close; absent while it is open. */
  readonly code?: number;
}

interface CurrentLife {
  who: Who | undefined;
  joinedAt: number;
  readonly numbers: number[];
}

/** Connects through a balancer, joins the group, and does so again whenever its connection ends. */
export class RoamingClient {
  readonly lives: Life[] = [];
  /** Answers to an upgrade that were none, and connections that failed: what a person would see as an error page. */
  readonly refusals: string[] = [];
  private current: CurrentLife = { who: undefined, joinedAt: NaN, numbers: [] };
  private socket: WebSocket;
  private ended = false;

  constructor(
    private readonly url: string,
    private readonly group: string,
    private readonly nextNumber: () => number,
  ) {
    this.socket = this.connect();
  }

  /** The process whose group it is a member in now. */
  get pid(): number | undefined {
    return this.current.who?.pid;
  }

  get lastNumber(): number | undefined {
    return this.current.numbers.at(-1);
  }

  /** All lives, the one that goes on included. */
  history(): Life[] {
    const { who, joinedAt, numbers } = this.current;
    return who ? [...this.lives, { pid: who.pid, joinedAt, numbers }] : [...this.lives];
  }

  end(): void {
    this.ended = true;
    this.socket.terminate();
  }

  private connect(): WebSocket {
    this.current = { who: undefined, joinedAt: NaN, numbers: [] };
    const socket = new WebSocket(this.url);
    socket.on('open', () => socket.send(JSON.stringify({ event: 'join', data: this.group })));
    socket.on('message', (bytes: Buffer) => this.receive(JSON.parse(bytes.toString()) as ServerMessage));
    socket.on('error', ({ message }) => !this.ended && this.refusals.push(message));
    socket.on('close', (code) => this.closed(code));
    return socket;
  }

  private receive({ event, data }: ServerMessage): void {
    if (event === 'joined') {
      this.current.who = data as Who;
      this.current.joinedAt = this.nextNumber();
    } else if (event === 'number') this.current.numbers.push(data as number);
  }

  private closed(code: number): void {
    const { who, joinedAt, numbers } = this.current;
    if (who) this.lives.push({ pid: who.pid, joinedAt, numbers, code });
    this.current.who = undefined;
    if (this.ended) return;
    void delay(Math.random() * RECONNECT_MS).then(() => {
      if (!this.ended) this.socket = this.connect();
    });
  }
}
