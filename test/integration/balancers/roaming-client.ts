import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Who } from '../../servers/balanced-server.js';
import type { ServerMessage } from '../../support/ws-client.js';

/** The maximum delay before a reconnect, so that clients that were closed together do not return at the same moment. */
const RECONNECT_MS = 50;

/** What a client received on one connection while it was in the group. */
export interface Life {
  readonly pid: number;
  /** The next number to be emitted when the client learned that it had joined. */
  readonly joinedAt: number;
  readonly numbers: readonly number[];
  /** The close code. Absent while the connection is open. */
  readonly code?: number;
}

interface CurrentLife {
  who: Who | undefined;
  joinedAt: number;
  readonly numbers: number[];
}

/** A client that connects through a balancer, joins the group, and reconnects whenever its connection closes. */
export class RoamingClient {
  readonly lives: Life[] = [];
  /** Errors of failed upgrades and connections, which a user would see as an error page. */
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

  /** The process id of the server on which it is in the group now. */
  get pid(): number | undefined {
    return this.current.who?.pid;
  }

  get lastNumber(): number | undefined {
    return this.current.numbers.at(-1);
  }

  /** All lives, including the current one. */
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
