import type { MessageMappingProperties } from '@nestjs/websockets';
import type { Observable } from 'rxjs';
import type { WebSocket } from 'ws';
import type { BackplaneConnection } from '../broadcast/backplane-connection.js';
import type { Dispatcher } from '../broadcast/dispatcher.js';
import type { EdgeCounters } from '../broadcast/edge-counters.js';
import type { ClientMessage } from '../protocol/client-message.js';
import type { PayloadLimits } from '../protocol/payload-limits.js';
import type { LocalConnection } from '../routing/local-connection.js';
import { bytesRead } from './fast-write.js';
import { HandlerStreams, type StreamObserver } from './handler-streams.js';
import { type InboundLimits, InboundQueue } from './inbound-queue.js';
import type { LimitedLog } from '../broadcast/limited-log.js';
import type { SocketSink } from './socket-sink.js';

type DisconnectListener = (closeCode: number) => void;

const POLICY_VIOLATION = 1008;
const DROPPED = Promise.resolve();

/** Who holds the sessions of a path. */
export interface SessionHost {
  /** The connection has begun to close: it is in no list any more. Called once, before `ended`. */
  dismiss(session: ClientSession): void;
  /** Its socket is closed. */
  ended(session: ClientSession, closeCode: number): void;
}

/** All that belongs to one client while it is connected. */
export class ClientSession {
  private handlers: readonly MessageMappingProperties[] = [];
  private readonly disconnectListeners: DisconnectListener[] = [];
  private inbound: InboundQueue<ClientMessage> | undefined;
  private streams: HandlerStreams | undefined;
  /** Those who are pinged together with it. */
  heartbeatSlot: Set<ClientSession> | undefined;
  private closeCode: number | undefined;
  private isClosing = false;

  constructor(
    readonly socket: WebSocket,
    readonly local: LocalConnection,
    readonly client: BackplaneConnection,
    private readonly sink: SocketSink,
    private readonly host: SessionHost,
    private readonly dispatcher: Dispatcher,
    private readonly limits: InboundLimits & { readonly payload: PayloadLimits },
    private readonly counters: EdgeCounters,
    readonly log: LimitedLog,
  ) {}

  get isOpen(): boolean {
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

  get payloadLimits(): PayloadLimits {
    return this.limits.payload;
  }

  /** Takes a message to `handle`, now or when those before it have ended. Made when it is first used: most clients listen. */
  enqueue(message: ClientMessage, handle: (message: ClientMessage) => Promise<void>): void {
    this.inbound ??= new InboundQueue(
      this.limits,
      (next) => (this.isHeard ? handle(next) : DROPPED),
      (reason) => this.tooMany(reason),
    );
    this.inbound.push(message);
  }

  /** Resolves when the stream has ended, or the client has gone: then nothing is left of it here. Never rejects. */
  follow(stream$: Observable<unknown>, observer: StreamObserver): Promise<void> {
    if (!this.local.open) return Promise.resolve();
    this.streams ??= new HandlerStreams((error) =>
      this.log.error('teardown', 'The teardown of a stream that a handler returned failed', error),
    );
    return this.streams.follow(stream$, observer);
  }

  /** @returns false when the client answers what another one was asked */
  answer(id: string, outcome: 'data' | 'error', value: unknown): boolean {
    return this.dispatcher.answer(this.local, id, outcome, value);
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

  ping(payload: Buffer): void {
    this.sink.pong(payload);
  }

  /** This server closes the connection: what the client has sent and nobody has handled yet is dropped. */
  closing(): void {
    this.isClosing = true;
    this.leave();
  }

  /** Either side has begun to close: nobody reaches the client any more. What it has sent before is still handled. */
  leave(): void {
    if (!this.local.open) return;
    this.host.dismiss(this);
    this.client.renew(null);
  }

  closed(closeCode: number): void {
    this.leave();
    this.host.ended(this, closeCode);
  }

  disconnected(closeCode: number): void {
    this.closeCode = closeCode;
    this.streams?.close();
    for (const listener of this.disconnectListeners) listener(closeCode);
  }

  private tooMany(reason: string): void {
    if (!this.isOpen) return;
    this.counters.tooMany++;
    this.sink.close(POLICY_VIOLATION, reason);
  }
}
