import type { RawData } from 'ws';
import type { ClientDialect } from '../adapter/client-dialect.js';
import type { ConnectionHeartbeat } from '../adapter/connection-heartbeat.js';
import { toBuffer } from '../adapter/raw-data.js';
import type { Session } from '../adapter/session.js';
import type { SessionSink } from '../adapter/session-sink.js';
import type { ClientFrame } from '../protocol/client-frame.js';
import type { FrameShape } from '../protocol/dialect.js';
import { closeMessageFor } from './close-message.js';
import { HubCalls, UploadError } from './hub-calls.js';
import { HubErrors } from './hub-errors.js';
import { type HubInvocation, type HubMessage, HubProtocolError } from './hub-message.js';
import type { HubProtocol } from './hub-protocol.js';
import { type ErrorOptions, HubReply, type ReplyOptions } from './hub-reply.js';
import { MessageSplitter } from './message-splitter.js';
import { StatefulConnection } from './stateful-connection.js';

/** The close codes of RFC 6455, section 7.4.1. */
const NORMAL_CLOSURE = 1000;
const PROTOCOL_ERROR = 1002;

/** The options of a client with stateful reconnect. */
export interface StatefulOptions {
  readonly resumeTimeoutMs: number;
  /** The maximum size of the messages that are kept for the client, in bytes. */
  readonly maxBytes: number;
  /** Called when the session begins. The client can resume it until `ended` is called. */
  readonly began: (session: Session) => void;
  readonly ended: (session: Session) => void;
}

export interface HubClientOptions {
  readonly errors: ErrorOptions;
  readonly maxMessageBytes: number;
  readonly keepAlive: ConnectionHeartbeat;
  /** `undefined` without stateful reconnect: the session then ends with its socket. */
  readonly stateful: StatefulOptions | undefined;
}

/** The dialect of one SignalR client, with the calls and uploads that are in progress on its connection. */
export class HubClient implements ClientDialect<Session> {
  readonly name: string;
  readonly code: number;
  readonly keepAlive: ConnectionHeartbeat;
  private splitter: MessageSplitter;
  private stateful: StatefulConnection | undefined;
  /** Created with the first call, because most clients call no handler, and the empty maps would take 700 bytes. */
  private calls: HubCalls | undefined;

  constructor(
    private readonly hub: HubProtocol,
    private readonly options: HubClientOptions,
  ) {
    this.name = hub.name;
    this.code = hub.code;
    this.keepAlive = options.keepAlive;
    this.splitter = this.newSplitter();
  }

  /** `undefined` also if the client may need a message that is no longer kept. */
  get resumeTimeoutMs(): number | undefined {
    return this.stateful?.canResume ? this.options.stateful?.resumeTimeoutMs : undefined;
  }

  get protocol(): HubProtocol['protocol'] {
    return this.hub.protocol;
  }

  derive(frame: ClientFrame, shape: FrameShape): ClientFrame {
    return this.hub.derive(frame, shape);
  }

  closeMessage(code: number, reason: string): ClientFrame | undefined {
    return closeMessageFor(this.hub, code, reason, this.stateful !== undefined);
  }

  opened(session: Session, sink: SessionSink): SessionSink {
    const options = this.options.stateful;
    if (!options) return sink;
    if (this.stateful) {
      // Discards a partial message: the client does not send the rest of it on the new socket.
      this.splitter = this.newSplitter();
      this.stateful.attach(sink);
      return this.stateful.sink;
    }
    const stateful = new StatefulConnection(
      this.hub,
      sink,
      options.maxBytes,
      session.context.counters,
      () => {
        // Not in this turn: it may be in the middle of a delivery, whose recipients must not change.
        setImmediate(() => session.terminate());
      },
    );
    this.stateful = stateful;
    options.began(session);
    session.onDisconnect(() => {
      stateful.close();
      options.ended(session);
    });
    return stateful.sink;
  }

  lost(): void {
    this.stateful?.detach();
  }

  /** Sends two pings: SignalR's own, which keeps the client from timing out, and a WebSocket ping, which the client answers. */
  ping({ sink, socket }: Session): void {
    if (this.stateful) this.stateful.sink.writeUnnumbered(this.hub.ping());
    else sink.write(this.hub.ping(), false);
    socket.ping();
  }

  receive(session: Session, data: RawData): void {
    try {
      for (const bytes of this.splitter.push(toBuffer(data))) {
        if (!session.acceptsMessages || session.hasClientClosed) return;
        this.handle(session, this.hub.decode(bytes, session.context.edge.payload), bytes.length);
      }
    } catch (error) {
      if (!(error instanceof HubProtocolError))
        session.context.log.error('message', 'A message could not be handled', error);
      session.close(PROTOCOL_ERROR, HubErrors.closed);
    }
  }

  private handle(session: Session, message: HubMessage, bytes: number): void {
    // Before anything is counted, because a client that resumes its session repeats its messages in one burst.
    if (this.stateful && isNumbered(message) && !this.stateful.takeNumber()) return;
    // Calls are counted by the queue.
    if (message.kind !== 'invocation' && !session.admitsMessage()) return;
    switch (message.kind) {
      case 'invocation':
        return this.invoke(session, message);
      case 'item':
        return this.calls?.upload(message.id)?.push(message.item, bytes);
      case 'completion':
        return this.complete(session, message);
      case 'cancel':
        return this.calls?.cancel(message.id);
      case 'close':
        return session.closeForClient(NORMAL_CLOSURE);
      case 'acknowledgment':
        return this.stateful?.sink.acknowledged(message.number);
      case 'sequence':
        return this.stateful?.sequence(message.number);
      case 'ping':
      case 'unknown':
    }
  }

  private invoke(session: Session, invocation: HubInvocation): void {
    const reply = new HubReply(session, invocation, this.hub, this.replyOptions(session));
    const calls = (this.calls ??= new HubCalls(session));
    const refusal = calls.refusalOf(invocation);
    if (refusal === undefined) calls.begin(invocation, reply);
    // A call that is not queued must be counted, too.
    else if (session.admitsMessage()) reply.error(refusal);
  }

  private complete(
    session: Session,
    { id, outcome, value }: Extract<HubMessage, { kind: 'completion' }>,
  ): void {
    const upload = this.calls?.upload(id);
    if (upload) upload.close(outcome === 'error' ? new UploadError(String(value)) : undefined);
    // `respond` ignores a completion for an invocation of another connection.
    else session.context.router.invocations.respond(session, id, { outcome, value });
  }

  private newSplitter(): MessageSplitter {
    return new MessageSplitter(this.hub.find, this.options.maxMessageBytes);
  }

  private replyOptions({ context }: Session): ReplyOptions {
    return {
      errors: this.options.errors,
      onUnsendable: ({ target }, reason) =>
        context.log.error(
          'output',
          `The output of the handler of '${target}' cannot be encoded as ${this.name}`,
          reason,
        ),
    };
  }
}

/** Whether stateful reconnect numbers this message. */
function isNumbered({ kind }: HubMessage): boolean {
  return kind === 'invocation' || kind === 'item' || kind === 'completion' || kind === 'cancel';
}
