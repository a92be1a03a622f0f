import type { Bus } from '../bus/bus.js';
import { requestFrames } from '../protocol/argument-list.js';
import type { ChannelNames } from '../protocol/channel-names.js';
import { ClientFrame } from '../protocol/client-frame.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import {
  decodeInvocation,
  decodeInvocationReply,
  decodeResponse,
  encodeInvocation,
  encodeInvocationReply,
  encodeResponse,
  type InvocationRecord,
} from '../protocol/invocation-record.js';
import { REQUEST, REQUEST_WITH_ARGUMENTS } from '../protocol/dialect.js';
import { MessageFrames } from '../protocol/message-frames.js';
import { RecordKind } from '../protocol/record-kind.js';
import type { Address } from '../protocol/target.js';
import { type Addressing, isOfOneConnection } from './addressing.js';
import { recipients } from './deliver.js';
import { type ClientResponse, HeldInvocations, type ResponseSender } from './held-invocations.js';
import type { LocalConnection } from './local-connection.js';
import { PendingInvocation } from './pending-invocation.js';
import type { RecordDispatcher } from './record-dispatcher.js';
import { InvokeCanceledError } from './request.errors.js';
import type { Requests } from './requests.js';
import { decodeResponsePayload, encodeResponsePayload } from './response-payload.js';
import type { Roster } from './roster.js';
import type { SendListeners } from './send-listeners.js';

/** The error response on behalf of a client whose protocol cannot carry the invocation. */
const NOT_ENCODABLE = "The client's protocol cannot carry the data of this invocation.";

export interface InvocationOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly local: boolean;
}

interface Invocation {
  readonly id: string;
  readonly address: Address;
  readonly timeoutMs: number;
  readonly frames: MessageFrames;
}

/** Invokes clients on any server and collects their responses. */
export class Invocations {
  private number = 0;
  private readonly pending = new Map<string, PendingInvocation>();
  private readonly held = new HeldInvocations();

  constructor(
    private readonly bus: Bus,
    private readonly channels: ChannelNames,
    private readonly addressing: Addressing,
    private readonly protocols: readonly ClientProtocol[],
    private readonly roster: Roster,
    private readonly requests: Requests,
    dispatcher: RecordDispatcher,
    private readonly listeners: SendListeners,
  ) {
    dispatcher.on(RecordKind.Invocation, (body, origin) => this.receive(decodeInvocation(body), origin));
    dispatcher.on(RecordKind.InvocationReply, (body, origin) => {
      const { id, invoked } = decodeInvocationReply(body);
      this.pending.get(id)?.invoked(origin, invoked);
    });
    dispatcher.on(RecordKind.Response, (body, origin) => this.receiveResponse(body, origin));
  }

  /**
   * Sends the event to the addressed clients. Resolves when every client has responded or can no longer respond, or
   * when the time is up; the result has the outcome for each client.
   *
   * @throws MessageTooLargeError, NotPublishedError, PublishOutcomeUnknownError, InvokeCanceledError,
   * BackplaneClosedError (as rejections)
   */
  async invoke(
    address: Address,
    event: string,
    data: unknown,
    { timeoutMs, signal, local }: InvocationOptions,
  ): Promise<PendingInvocation> {
    if (signal?.aborted) throw new InvokeCanceledError(signal.reason);
    const id = `${this.bus.serverId}:${++this.number}`;
    const frames = requestFrames(event, data, id);
    const invocation: Invocation = { id, address, timeoutMs, frames };
    // Reject what cannot be sent before any client is invoked.
    const request = local ? undefined : this.requests.prepare(address, () => this.encode(invocation));
    if (request) this.requests.checkOpen();
    const pending = new PendingInvocation(
      this.bus.peers,
      this.addressing.serversOf(address),
      isOfOneConnection(address),
    );
    const options = { what: 'invoke', timeoutMs, isRepeatable: false, signal } as const;
    this.pending.set(id, pending);
    try {
      this.invokeOwn(invocation, pending);
      if (!this.listeners.isEmpty)
        this.listeners.notify({ kind: 'invoke', address, frames, local, volatile: false });
      await this.requests.send(request, pending.servers, options);
      return pending;
    } finally {
      this.pending.delete(id);
      pending.servers.end();
    }
  }

  /** @returns false if the invocation is another connection's */
  respond(connection: LocalConnection, id: string, response: ClientResponse): boolean {
    return this.held.respond(connection, id, response);
  }

  disconnected(connection: LocalConnection): void {
    this.held.disconnected(connection);
  }

  /** Stops waiting for responses of this server's clients. */
  close(): void {
    this.held.close();
  }

  private encode({ id, address, frames, timeoutMs }: Invocation): Buffer {
    const { hasArguments } = frames.shape;
    return encodeInvocation({
      id,
      timeoutMs,
      address,
      hasArguments,
      payloads: frames.payloads(this.protocols),
    });
  }

  private invokeOwn({ id, address, frames, timeoutMs }: Invocation, pending: PendingInvocation): void {
    const connections = this.recipients(address);
    const [first] = connections;
    // If no local client's protocol can carry the data, it is the caller's mistake: `for` throws.
    if (first && connections.every(({ dialect }) => frames.attemptFor(dialect) instanceof Error))
      frames.for(first.dialect.protocol);
    pending.invoked(
      this.bus.serverId,
      connections.map((connection) => connection.id),
    );
    this.hold(id, connections, timeoutMs, frames, (connection, response) =>
      pending.responded(this.bus.serverId, connection.id, response),
    );
  }

  private receive(
    { id, timeoutMs, address, hasArguments, payloads }: InvocationRecord,
    origin: string,
  ): void {
    const frames = MessageFrames.received(payloads, hasArguments ? REQUEST_WITH_ARGUMENTS : REQUEST);
    const connections = this.recipients(address);
    const channels = [this.channels.server(origin)];
    // If a reply is lost, the caller times out, because invocations are never repeated.
    const reply = (record: Buffer): void => void this.bus.publish(channels, record).catch(() => undefined);
    reply(encodeInvocationReply({ id, invoked: connections.map((connection) => connection.id) }));
    if (connections.length === 0) return;
    this.hold(id, connections, timeoutMs, frames, ({ id: connectionId, dialect }, response) =>
      reply(encodeResponse({ id, connectionId, ...encodeResponsePayload(dialect.protocol, response) })),
    );
  }

  private receiveResponse(body: Buffer, origin: string): void {
    const { id, connectionId, outcome, payload } = decodeResponse(body);
    this.pending.get(id)?.responded(origin, connectionId, decodeResponsePayload({ outcome, payload }));
  }

  private recipients(address: Address): LocalConnection[] {
    const members = this.roster.members(address.path);
    return members ? recipients(members, address) : [];
  }

  /** Sends the invocation to the connections and waits for their responses. */
  private hold(
    id: string,
    connections: readonly LocalConnection[],
    timeoutMs: number,
    frames: MessageFrames,
    send: ResponseSender,
  ): void {
    this.held.hold(id, connections, timeoutMs, send);
    for (const connection of connections) {
      const frame = frames.attemptFor(connection.dialect);
      if (frame instanceof ClientFrame) connection.sink.write(frame, false);
      else this.held.respond(connection, id, { outcome: 'error', value: NOT_ENCODABLE });
    }
  }
}
