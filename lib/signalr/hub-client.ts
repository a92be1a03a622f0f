import { WsException } from '@nestjs/websockets';
import type { RawData } from 'ws';
import type { ClientDialect } from '../adapter/client-dialect.js';
import type { ConnectionHeartbeat } from '../adapter/connection-heartbeat.js';
import { toBuffer } from '../adapter/raw-data.js';
import type { Session } from '../adapter/session.js';
import type { SessionSink } from '../adapter/session-sink.js';
import type { ClientFrame } from '../protocol/client-frame.js';
import type { FrameShape } from '../protocol/dialect.js';
import { closeMessageFor } from './close-message.js';
import { HubCall } from './hub-call.js';
import { HubErrors } from './hub-errors.js';
import { type HubInvocation, type HubMessage, HubProtocolError } from './hub-message.js';
import type { HubProtocol } from './hub-protocol.js';
import { type ErrorOptions, HubReply, type ReplyOptions } from './hub-reply.js';
import { MessageSplitter } from './message-splitter.js';
import { StatefulConnection } from './stateful-connection.js';
import { Upload } from './upload.js';

/** The close codes of RFC 6455, section 7.4.1. */
const NORMAL_CLOSURE = 1000;
const PROTOCOL_ERROR = 1002;
const ABNORMAL_CLOSURE = 1006;

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
  readonly resumeTimeoutMs: number | undefined;
  private splitter: MessageSplitter;
  private stateful: StatefulConnection | undefined;
  /** The calls in progress. The client can cancel those that have an id. */
  private readonly calls = new Set<HubCall>();
  private readonly callsById = new Map<string, HubCall>();
  private readonly uploads = new Map<string, Upload>();
  /** How many of the calls have requested a stream. */
  private streams = 0;
  /** How many uploads are full. While any is, nothing is read from the socket. */
  private full = 0;
  private isWatching = false;

  constructor(
    private readonly hub: HubProtocol,
    private readonly options: HubClientOptions,
  ) {
    this.name = hub.name;
    this.code = hub.code;
    this.keepAlive = options.keepAlive;
    this.resumeTimeoutMs = options.stateful?.resumeTimeoutMs;
    this.splitter = this.newSplitter();
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
    const stateful = new StatefulConnection(this.hub, sink, options.maxBytes, () => {
      // Not in this turn: it may be in the middle of a delivery, whose recipients must not change.
      setImmediate(() => {
        session.end(ABNORMAL_CLOSURE);
        session.socket.terminate();
      });
    });
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

  /** Sends a ping. Clients do not answer it, but they close the connection if they receive nothing for a while. */
  ping({ sink }: Session): void {
    if (this.stateful) this.stateful.sink.writeUnnumbered(this.hub.ping());
    else sink.write(this.hub.ping(), false);
  }

  receive(session: Session, data: RawData): void {
    try {
      for (const bytes of this.splitter.push(toBuffer(data))) {
        if (!session.acceptsMessages) return;
        this.handle(session, this.hub.decode(bytes, session.context.edge.payload));
      }
    } catch (error) {
      if (!(error instanceof HubProtocolError))
        session.context.log.error('message', 'A message could not be handled', error);
      session.sink.close(PROTOCOL_ERROR, HubErrors.closed);
    }
  }

  private handle(session: Session, message: HubMessage): void {
    // Calls are counted by the queue.
    if (message.kind !== 'invocation' && !session.admitsMessage()) return;
    if (this.stateful && isNumbered(message) && !this.stateful.takeNumber()) return;
    switch (message.kind) {
      case 'invocation':
        return this.invoke(session, message);
      case 'item':
        return this.uploads.get(message.id)?.push(message.item);
      case 'completion':
        return this.complete(session, message);
      case 'cancel':
        return this.callsById.get(message.id)?.cancel();
      case 'close':
        return session.sink.close(NORMAL_CLOSURE, '');
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
    const { id, streamIds } = invocation;
    if (id !== undefined && this.callsById.has(id)) return reply.error(HubErrors.idInUse(id));
    const taken = streamIds.find(
      (streamId, index) => this.uploads.has(streamId) || streamIds.indexOf(streamId) !== index,
    );
    if (taken !== undefined) return reply.error(HubErrors.idInUse(taken));
    const { maxPendingMessages } = session.context.edge;
    // The session's queue limits all other calls, but does not count streams.
    const streams = streamIds.length + (invocation.isStream ? 1 : 0);
    if (streams > 0 && this.streams + this.uploads.size + streams > maxPendingMessages)
      return reply.error(HubErrors.tooManyStreams(maxPendingMessages));
    if (invocation.isStream) this.streams++;
    this.watch(session);
    const uploads = streamIds.map((streamId) => this.open(session, streamId));
    const call: HubCall = new HubCall(
      session,
      invocation,
      uploads,
      reply,
      (failed, error) => {
        session.context.log.error('handler', `The handler of '${failed.target}' failed`, error);
        reply.failInternally(error);
      },
      () => this.ended(call, invocation),
    );
    this.calls.add(call);
    if (id !== undefined) this.callsById.set(id, call);
    session.enqueue(() => call.run());
  }

  private complete(
    session: Session,
    { id, outcome, value }: Extract<HubMessage, { kind: 'completion' }>,
  ): void {
    const upload = this.uploads.get(id);
    if (upload) upload.close(outcome === 'error' ? new UploadError(String(value)) : undefined);
    // `respond` ignores a completion for an invocation of another connection.
    else session.context.router.invocations.respond(session, id, { outcome, value });
  }

  private open(session: Session, streamId: string): Upload {
    const upload = new Upload((isFull) => this.hold(session, isFull));
    this.uploads.set(streamId, upload);
    return upload;
  }

  private ended(call: HubCall, { id, streamIds, isStream }: HubInvocation): void {
    this.calls.delete(call);
    if (isStream) this.streams--;
    if (id !== undefined && this.callsById.get(id) === call) this.callsById.delete(id);
    for (const streamId of streamIds) this.uploads.delete(streamId);
  }

  private newSplitter(): MessageSplitter {
    return new MessageSplitter(this.hub.find, this.options.maxMessageBytes);
  }

  /** Stops reading from the socket while an upload is full. */
  private hold(session: Session, isFull: boolean): void {
    this.full += isFull ? 1 : -1;
    session.holdReading(this.full > 0);
  }

  /** Ends calls and uploads on disconnect. Added with the first call, because most clients call no handler. */
  private watch(session: Session): void {
    if (this.isWatching) return;
    this.isWatching = true;
    session.onDisconnect(() => {
      for (const upload of this.uploads.values())
        upload.close(new UploadError('The client has disconnected.'));
      for (const call of this.calls) call.cancel();
    });
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

/** The error with which an upload ends. Nest's filters send its message to the client. */
class UploadError extends WsException {}
