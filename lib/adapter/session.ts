import type { MessageMappingProperties } from '@nestjs/websockets';
import type { Observable } from 'rxjs';
import type { RawData } from 'ws';
import type { BackplaneConnection } from '../broadcast/backplane-connection.js';
import { ClientConnection, type ConnectionSession } from '../broadcast/client-connection.js';
import type { Admission } from '../options/authenticate.js';
import { LocalConnection } from '../routing/local-connection.js';
import { Absence } from './absence.js';
import type { AdapterContext } from './adapter-context.js';
import type { ClientDialect } from './client-dialect.js';
import { bytesRead } from './fast-write.js';
import { HandlerStreams, type StreamObserver } from './handler-streams.js';
import { InboundQueue, type MessageHandler } from './inbound-queue.js';
import { Reply } from './reply.js';
import type { SessionSink } from './session-sink.js';
import type { SocketOwner, WatchedSocket } from './watched-socket.js';

type DisconnectListener = (closeCode: number) => void;

/** What `ws` reports if a connection ends without a close frame. */
const ABNORMAL_CLOSURE = 1006;
const POLICY_VIOLATION = 1008;
const DROPPED = Promise.resolve();

/** The owner of a path's sessions. */
export interface SessionHost {
  readonly context: AdapterContext;
  /** The path as routing names it: with its port if it has its own. */
  readonly key: string;
  /** Removes a connection that has begun to close from routing. Called once, before `ended`. */
  dismiss(session: Session): void;
  /** Called when the session has ended. */
  ended(session: Session, closeCode: number): void;
}

/**
 * A client's connection, from admission until it ends. It ends with its socket, unless the client can resume it on another
 * one. Queues the client's messages, tracks the handlers' streams, and handles the disconnect. Routing uses it as a
 * `LocalConnection` and writes through its `sink`. Handlers get the `client` that it creates.
 */
export class Session extends LocalConnection implements ConnectionSession, SocketOwner {
  declare readonly dialect: ClientDialect<Session>;
  declare sink: SessionSink;
  readonly client: BackplaneConnection;
  private handlers: readonly MessageMappingProperties[] = [];
  private readonly disconnectListeners: DisconnectListener[] = [];
  private inbound: InboundQueue | undefined;
  private streams: HandlerStreams | undefined;
  /** The sessions that are pinged together with this one. */
  heartbeatSlot: Set<Session> | undefined;
  private closeCode: number | undefined;
  private isClosing = false;
  /** Whether the client has announced that it closes the connection. It may still close its socket seconds later. */
  hasClientClosed = false;
  /** Set while the client is away: its socket was lost, and it may resume the session on another one. */
  private absence: Absence | undefined;
  /** Whether the gateways' hooks have ended, so that the client's messages may be read. */
  isListening = false;
  private isHeld = false;
  /** Created on first use, to save memory. */
  private disconnection: AbortController | undefined;

  constructor(
    id: string,
    { userId, data }: Admission,
    dialect: ClientDialect<Session>,
    public socket: WatchedSocket,
    sink: SessionSink,
    private readonly host: SessionHost,
  ) {
    super(id, host.key, userId, dialect, sink);
    this.client = new ClientConnection(this, host.context, data ?? {});
  }

  get context(): AdapterContext {
    return this.host.context;
  }

  get isSocketOpen(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  /**
   * Whether the client's messages are handled. False once this server closes the connection, or is about to because too many
   * bytes are waiting for the client. One packet may request thousands of large results, and encoding them would be wasted
   * work.
   */
  get acceptsMessages(): boolean {
    return !this.isClosing && !this.sink.isFull;
  }

  /** How many bytes the client has sent so far, including control frames. */
  get bytesRead(): number {
    return bytesRead(this.socket);
  }

  get closedSignal(): AbortSignal {
    if (!this.disconnection) {
      const disconnection = new AbortController();
      this.disconnection = disconnection;
      this.onDisconnect(() => disconnection.abort());
    }
    return this.disconnection.signal;
  }

  override presenceData(): unknown {
    return this.context.presenceDataOf?.(this.client);
  }

  /** Calls `handle` once `parallelInvocations` allows it. Creates the queue on first use, because most clients send nothing. */
  enqueue(handle: MessageHandler): void {
    this.queue.push(handle);
  }

  /** Counts a message that is handled at once. Returns false if the client sends too many. */
  admitsMessage(): boolean {
    return this.context.edge.maxMessagesPerSecond === Infinity || this.queue.admits();
  }

  /** Subscribes to a handler's stream. Resolves when it has ended or the client has disconnected. Never rejects. */
  follow(stream$: Observable<unknown>, observer: StreamObserver): Promise<void> {
    if (!this.open) return Promise.resolve();
    this.streams ??= new HandlerStreams((error) =>
      this.context.log.error('teardown', "The teardown of a handler's stream failed", error),
    );
    return this.streams.follow(stream$, observer);
  }

  failFrame(error: unknown): boolean {
    return Reply.underWay(this)?.fail(error) ?? false;
  }

  /** Adds the handlers of a gateway. Nest creates them per client, so a map would take 300 bytes more per client than a list. */
  addHandlers(handlers: readonly MessageMappingProperties[]): void {
    this.handlers = this.handlers.length === 0 ? handlers : [...this.handlers, ...handlers];
  }

  /** The handler of an event. If two gateways of the path have one, the gateway that Nest binds first wins. */
  handler(event: unknown): MessageMappingProperties | undefined {
    return this.handlers.find(({ message }) => message === event);
  }

  /** Like `handler`, but ignores the letter case, as ASP.NET Core does for SignalR clients. */
  handlerIgnoringCase(event: string): MessageMappingProperties | undefined {
    const name = event.toLowerCase();
    return this.handlers.find(({ message }) => typeof message === 'string' && message.toLowerCase() === name);
  }

  /** Calls the listener when the client has disconnected; immediately if it already has. */
  onDisconnect(listener: DisconnectListener): void {
    if (this.closeCode === undefined) this.disconnectListeners.push(listener);
    else listener(this.closeCode);
  }

  /** Stops or continues reading from the socket, because an upload is full or has room again. */
  holdReading(isHeld: boolean): void {
    // The close frame of the client must be read.
    this.isHeld = isHeld && !this.isClosing;
    if (this.isListening) this.startReading();
  }

  startReading(): void {
    if (this.isHeld) this.socket.pause();
    else this.socket.resume();
  }

  /** Moves the session to another socket. The former one may still look open, so it is terminated. */
  resume(socket: WatchedSocket, sink: SessionSink): void {
    this.endAbsence();
    const former = this.socket;
    former.session = undefined;
    this.socket = socket;
    this.sink = this.dialect.opened(this, sink);
    former.terminate();
  }

  receive(data: RawData, isBinary: boolean): void {
    this.dialect.receive(this, data, isBinary);
  }

  /** Closes the connection. If the client is away, the session ends at once. */
  override close(code: number, reason: string): void {
    if (this.absence) return this.abandon(code);
    this.isClosing = true;
    super.close(code, reason);
  }

  /** Ends the connection without a close frame. */
  terminate(): void {
    if (this.absence) this.abandon(ABNORMAL_CLOSURE);
    else this.socket.terminate();
  }

  /** Closes the connection because the client has announced that it does. Its earlier messages are still handled. */
  closeForClient(code: number): void {
    this.hasClientClosed = true;
    this.sink.close(code, '');
  }

  clientEnded(): void {
    if (this.canResume) this.awaitClient();
    else this.dismiss();
  }

  failed(): void {
    if (this.canResume) this.awaitClient();
    else this.closing();
  }

  /** Called when this server closes the connection. Drops the client's queued messages. */
  closing(): void {
    if (this.absence) return this.abandon(ABNORMAL_CLOSURE);
    this.isClosing = true;
    if (this.isHeld) this.holdReading(false);
    this.dismiss();
  }

  /** Called when either side begins to close: messages no longer reach the client. Its earlier messages are still handled. */
  dismiss(): void {
    if (!this.open) return;
    this.host.dismiss(this);
    this.client.renew(null);
  }

  closed(closeCode: number): void {
    if (this.canResume && closeCode === ABNORMAL_CLOSURE) this.awaitClient();
    else this.end(closeCode);
  }

  /** Ends the session: its socket has closed, or its client can no longer resume it. */
  end(closeCode: number): void {
    this.endAbsence();
    this.dismiss();
    if (this.closeCode === undefined) this.host.ended(this, closeCode);
  }

  disconnected(closeCode: number): void {
    this.closeCode = closeCode;
    this.streams?.close();
    for (const listener of this.disconnectListeners) listener(closeCode);
  }

  /** Whether the session would survive the loss of its socket. */
  get canResume(): boolean {
    return this.dialect.resumeTimeoutMs !== undefined && !this.isClosing && this.open;
  }

  override get isAway(): boolean {
    return this.absence !== undefined;
  }

  /** Waits for the client after the socket was lost. Ends the session unless the client resumes it in time. */
  private awaitClient(): void {
    const { resumeTimeoutMs } = this.dialect;
    if (this.absence || resumeTimeoutMs === undefined) return;
    this.absence = new Absence(resumeTimeoutMs, this.context.counters, () => this.end(ABNORMAL_CLOSURE));
    this.dialect.lost();
  }

  /** Ends the session of a client that is away. */
  private abandon(closeCode: number): void {
    this.isClosing = true;
    this.end(closeCode);
  }

  private endAbsence(): void {
    this.absence?.end();
    this.absence = undefined;
  }

  private get queue(): InboundQueue {
    return (this.inbound ??= new InboundQueue(
      this.context.edge,
      (next) => (this.acceptsMessages ? next() : DROPPED),
      (reason) => this.tooMany(reason),
    ));
  }

  private tooMany(reason: string): void {
    if (!this.open || this.isClosing) return;
    this.context.counters.tooMany++;
    this.close(POLICY_VIOLATION, reason);
  }
}
