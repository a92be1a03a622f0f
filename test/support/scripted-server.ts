import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { ReplaySubject } from 'rxjs';
import { type WebSocket, WebSocketServer } from 'ws';
import { next } from './observe.js';
import type { TestFarm } from './test-farm.js';
import type { ServerMessage } from './ws-client.js';

/** One connection of a client to a scripted server. */
export class ScriptedConnection {
  /** What the client has sent, without its pings. */
  readonly received: ServerMessage[] = [];
  readonly closed: Promise<number>;
  private readonly received$ = new ReplaySubject<ServerMessage>();
  private readonly pings$ = new ReplaySubject<ServerMessage>();

  constructor(
    readonly socket: WebSocket,
    readonly request: IncomingMessage,
    /** From 1. */
    readonly number: number,
  ) {
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('message', (bytes: Buffer) => {
      const message = JSON.parse(bytes.toString()) as ServerMessage;
      if (message.event === 'ping') return this.pings$.next(message);
      this.received.push(message);
      this.received$.next(message);
    });
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  answerPings(): void {
    this.pings$.subscribe(({ id }) => this.send({ id, data: 'pong' }));
  }

  /** What the server does with each message of this event. */
  on(name: string, then: (message: ServerMessage) => unknown): void {
    this.received$.subscribe((message) => {
      if (message.event === name) then(message);
    });
  }

  /** Resolves with the first matching message since the start. */
  message(matches: (message: ServerMessage) => boolean): Promise<ServerMessage> {
    return next(this.received$, matches);
  }

  event(name: string): Promise<ServerMessage> {
    return this.message(({ event }) => event === name);
  }

  ping(): Promise<ServerMessage> {
    return next(this.pings$);
  }
}

/** A WebSocket server that treats each connection as the test says. By default it only answers pings. */
export class ScriptedServer {
  /** The tokens, or undefined, of all upgrades. */
  readonly tokens: (string | undefined)[] = [];
  private readonly connections$ = new ReplaySubject<ScriptedConnection>();

  private constructor(private readonly server: WebSocketServer) {}

  static async start(
    farm: TestFarm,
    script: (connection: ScriptedConnection) => void = (connection) => connection.answerPings(),
    options: ConstructorParameters<typeof WebSocketServer>[0] = {},
  ): Promise<ScriptedServer> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
    const scripted = new ScriptedServer(server);
    let count = 0;
    server.on('connection', (socket, request) => {
      scripted.tokens.push(tokenOf(request));
      const connection = new ScriptedConnection(socket, request, ++count);
      script(connection);
      scripted.connections$.next(connection);
    });
    await once(server, 'listening');
    farm.onEnd(() => scripted.stop());
    return scripted;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Resolves with the client's nth connection, counted from 1. */
  connection(number = 1): Promise<ScriptedConnection> {
    return next(this.connections$, (connection) => connection.number === number);
  }

  async stop(): Promise<void> {
    for (const socket of this.server.clients) socket.terminate();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** The token that the client has sent as a subprotocol. */
export function tokenOf({ headers }: IncomingMessage): string | undefined {
  const [, token] = /bearer\.(\S+)/.exec(headers['sec-websocket-protocol'] ?? '') ?? [];
  return token === undefined ? undefined : decodeURIComponent(token);
}
