import type { MessageMappingProperties } from '@nestjs/websockets';
import type { Observable } from 'rxjs';
import type { WebSocket } from 'ws';
import type { BackplaneConnection } from '../broadcast/backplane-connection.js';
import { ClientConnection, type ConnectionSession } from '../broadcast/client-connection.js';
import type { Admission } from '../options/authenticate.js';
import type { ClientMessage } from '../protocol/client-message.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import { LocalConnection } from '../routing/local-connection.js';
import type { AdapterContext } from './adapter-context.js';
import { bytesRead } from './fast-write.js';
import { FrameAnswer } from './frame-answer.js';
import { HandlerStreams, type StreamObserver } from './handler-streams.js';
import { InboundQueue } from './inbound-queue.js';
import type { SocketSink } from './socket-sink.js';

type DisconnectListener = (closeCode: number) => void;

const POLICY_VIOLATION = 1008;
const DROPPED = Promise.resolve();

/** Who holds the sessions of a path. */
export interface SessionHost {
  readonly context: AdapterContext;
  /** The path as routing names it. */
  readonly key: string;
  /** The connection has begun to close: it is in no list any more. Called once, before `ended`. */
  dismiss(session: Session): void;
  /** Its socket is closed. */
  ended(session: Session, closeCode: number): void;
}

/**
 * One client, from its admission until its socket has closed: what it may send, what its handlers still do, and how it
 * ends. It is the connection that routing knows, writes to the socket through its `sink`, and makes the `client` that
 * handlers get.
 */
export class Session extends LocalConnection implements ConnectionSession {
  declare readonly sink: SocketSink;
  readonly client: BackplaneConnection;
  private handlers: readonly MessageMappingProperties[] = [];
  private readonly disconnectListeners: DisconnectListener[] = [];
  private inbound: InboundQueue<ClientMessage> | undefined;
  private streams: HandlerStreams | undefined;
  /** Those who are pinged together with it. */
  heartbeatSlot: Set<Session> | undefined;
  private closeCode: number | undefined;
  private isClosing = false;

  constructor(
    id: string,
    { userId, data }: Admission,
    protocol: ClientProtocol,
    readonly socket: WebSocket,
    sink: SocketSink,
    private readonly host: SessionHost,
  ) {
    super(id, host.key, userId, protocol, sink);
    this.client = new ClientConnection(this, host.context, data ?? {});
  }

  get context(): AdapterContext {
    return this.host.context;
  }

  get isSocketOpen(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  /**
   * Whether what the client sends is handled: until this server closes the connection, or has to because too much waits
   * for the client. One packet may ask for thousands of large results, and each would be encoded for nothing.
   */
  get isHeard(): boolean {
    return !this.isClosing && !this.sink.isFull;
  }

  /** Bytes that the client has sent so far, of whatever kind. */
  get bytesRead(): number {
    return bytesRead(this.socket);
  }

  /** Takes a message to `handle`, now or when those before it have ended. Made when it is first used: most clients listen. */
  enqueue(message: ClientMessage, handle: (message: ClientMessage) => Promise<void>): void {
    this.inbound ??= new InboundQueue(
      this.context.edge,
      (next) => (this.isHeard ? handle(next) : DROPPED),
      (reason) => this.tooMany(reason),
    );
    this.inbound.push(message);
  }

  /** Resolves when the stream has ended, or the client has gone: then nothing is left of it here. Never rejects. */
  follow(stream$: Observable<unknown>, observer: StreamObserver): Promise<void> {
    if (!this.open) return Promise.resolve();
    this.streams ??= new HandlerStreams((error) =>
      this.context.log.error('teardown', 'The teardown of a stream that a handler returned failed', error),
    );
    return this.streams.follow(stream$, observer);
  }

  failFrame(error: unknown): boolean {
    return FrameAnswer.underWay(this)?.fail(error) ?? false;
  }

  /** Each gateway of the path adds its own. Nest creates them for every client, so they are kept in a list: a map would hold 300 bytes more. */
  addHandlers(handlers: readonly MessageMappingProperties[]): void {
    this.handlers = this.handlers.length === 0 ? handlers : [...this.handlers, ...handlers];
  }

  /** Where two gateways handle the same event, the one that Nest binds first does. */
  handler(event: unknown): MessageMappingProperties | undefined {
    return this.handlers.find(({ message }) => message === event);
  }

  /** Called when the client is gone, at once where it is already. */
  onDisconnect(listener: DisconnectListener): void {
    if (this.closeCode === undefined) this.disconnectListeners.push(listener);
    else listener(this.closeCode);
  }

  /** This server closes the connection: what the client has sent and nobody has handled yet is dropped. */
  closing(): void {
    this.isClosing = true;
    this.dismiss();
  }

  /** Either side has begun to close: nobody reaches the client any more. What it has sent before is still handled. */
  dismiss(): void {
    if (!this.open) return;
    this.host.dismiss(this);
    this.client.renew(null);
  }

  closed(closeCode: number): void {
    this.dismiss();
    this.host.ended(this, closeCode);
  }

  disconnected(closeCode: number): void {
    this.closeCode = closeCode;
    this.streams?.close();
    for (const listener of this.disconnectListeners) listener(closeCode);
  }

  private tooMany(reason: string): void {
    if (!this.isSocketOpen) return;
    this.context.counters.tooMany++;
    this.sink.close(POLICY_VIOLATION, reason);
  }
}
