import type { Bus } from '../bus/bus.js';
import { Deferred } from '../bus/deferred.js';
import {
  type AskRecord,
  decodeAnswer,
  decodeAsk,
  decodeAskReply,
  encodeAnswer,
  encodeAsk,
  encodeAskReply,
} from '../protocol/ask-record.js';
import type { ChannelNames } from '../protocol/channel-names.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import { protocolOfCode } from '../protocol/client-protocols.js';
import { serverOf } from '../protocol/connection-id.js';
import { MessageFrames } from '../protocol/message-frames.js';
import { RecordKind } from '../protocol/record-kind.js';
import type { Address } from '../protocol/target.js';
import { channelsOf, namedConnections, namesConnectionsOnly } from './addressing.js';
import { recipients } from './deliver.js';
import { type Answer, HeldAsks } from './held-asks.js';
import type { LocalConnection } from './local-connection.js';
import { PendingAsk } from './pending-ask.js';
import type { RecordReceiver } from './record-receiver.js';
import { BackplaneClosedError, InvokeCanceledError } from './request.errors.js';
import type { Roster } from './roster.js';
import { checkSize, closedError, publishError } from './routing.errors.js';

/** "Every server" is meant as of a view that is one heartbeat old: whoever is there has spoken by then. */
const FARM_VIEW_MS = 1000;

export interface AskOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly local: boolean;
}

interface Question {
  readonly id: string;
  readonly address: Address;
  readonly timeoutMs: number;
  readonly frames: MessageFrames;
}

/** A question on its way to other servers: all of them, or those of the connections it names. */
interface Parcel {
  readonly farm: boolean;
  readonly channels: readonly string[];
  readonly record: Buffer;
}

/** Asks clients, wherever they are, and brings their answers back. */
export class Asks {
  private number = 0;
  private closed = false;
  private readonly pending = new Map<string, PendingAsk>();
  private readonly held = new HeldAsks();

  constructor(
    private readonly bus: Bus,
    private readonly channels: ChannelNames,
    private readonly protocols: readonly ClientProtocol[],
    private readonly roster: Roster,
    receiver: RecordReceiver,
  ) {
    receiver.on(RecordKind.Ask, (body, origin) => this.receive(decodeAsk(body), origin));
    receiver.on(RecordKind.AskReply, (body, origin) => {
      const { id, asked } = decodeAskReply(body);
      this.pending.get(id)?.asked(origin, asked);
    });
    receiver.on(RecordKind.Answer, (body) => this.receiveAnswer(body));
  }

  /**
   * Sends the event to the clients of the address and resolves when all have answered, cannot answer any
   * more, or the time is over; what came of each is in the result.
   *
   * @throws MessageTooLargeError, NotPublishedError, PublishOutcomeUnknownError, InvokeCanceledError,
   * BackplaneClosedError (as rejections)
   */
  async ask(
    address: Address,
    event: string,
    data: unknown,
    { timeoutMs, signal, local }: AskOptions,
  ): Promise<PendingAsk> {
    if (signal?.aborted) throw new InvokeCanceledError(signal.reason);
    const id = `${this.bus.serverId}:${++this.number}`;
    const question: Question = { id, address, timeoutMs, frames: MessageFrames.of({ event, data, id }) };
    // What cannot be sent is refused before anybody is asked.
    const parcel = local ? undefined : this.wrap(question);
    if (parcel && this.closed) throw closedError();
    const pending = new PendingAsk(this.bus.peers);
    const { servers } = pending;
    const canceled = new Deferred<never>();
    const cancel = (): void => canceled.reject(new InvokeCanceledError(signal?.reason));
    signal?.addEventListener('abort', cancel, { once: true });
    const timeout = setTimeout(() => servers.end(), timeoutMs);
    this.pending.set(id, pending);
    try {
      this.askOwn(question, pending);
      const others = parcel && this.askOthers(question, parcel, pending);
      // A Redis that takes the publish and does not answer holds nobody beyond the time.
      await Promise.race([others, canceled.promise, servers.done]);
      servers.expectNoMore();
      await Promise.race([servers.done, canceled.promise]);
      return pending;
    } finally {
      clearTimeout(timeout);
      signal?.removeEventListener('abort', cancel);
      servers.end();
      this.pending.delete(id);
    }
  }

  /** @returns false when the client answers what another one was asked */
  answer(connection: LocalConnection, id: string, answer: Answer): boolean {
    return this.held.answer(connection, id, answer);
  }

  disconnected(connection: LocalConnection): void {
    this.held.disconnected(connection);
  }

  /** Asks under way end with a BackplaneClosedError, and no other server is asked any more. */
  close(): void {
    this.closed = true;
    for (const { servers } of this.pending.values()) servers.end(new BackplaneClosedError('invoke'));
    this.held.close();
  }

  /** @returns what the other servers concerned are sent; `undefined` when there are none */
  private wrap({ id, address, frames, timeoutMs }: Question): Parcel | undefined {
    const farm = !namesConnectionsOnly(address);
    const channels = farm ? [this.channels.servers] : channelsOf(address, this.channels, this.bus.serverId);
    if (channels.length === 0) return undefined;
    const record = encodeAsk({ id, timeoutMs, address, payloads: frames.payloads(this.protocols) });
    checkSize(record);
    return { farm, channels, record };
  }

  private askOwn({ id, address, frames, timeoutMs }: Question, pending: PendingAsk): void {
    const connections = this.deliver(address, frames);
    this.held.hold(id, connections, timeoutMs, (connection, answer) =>
      pending.answered(connection.id, answer),
    );
    pending.asked(
      this.bus.serverId,
      connections.map((connection) => connection.id),
    );
  }

  private async askOthers(
    { address }: Question,
    { farm, channels, record }: Parcel,
    { servers }: PendingAsk,
  ): Promise<void> {
    for (const connectionId of namedConnections(address)) {
      const server = serverOf(connectionId);
      if (server !== undefined && server !== this.bus.serverId) servers.expect(server);
    }
    await this.bus.publish(channels, record).catch((cause: unknown) => {
      throw publishError(0, cause);
    });
    if (!farm) return;
    await servers.whenHeardFor(FARM_VIEW_MS);
    for (const server of this.bus.peers.alive) servers.expect(server);
  }

  private receive({ id, timeoutMs, address, payloads }: AskRecord, origin: string): void {
    const connections = this.deliver(address, MessageFrames.received(payloads));
    const channels = [this.channels.server(origin)];
    // A reply that is lost is a timeout at the server that asked: an ask is never repeated.
    const reply = (record: Buffer): void => void this.bus.publish(channels, record).catch(() => undefined);
    reply(encodeAskReply({ id, asked: connections.map((connection) => connection.id) }));
    if (connections.length === 0) return;
    this.held.hold(id, connections, timeoutMs, ({ id: connectionId, protocol }, { outcome, value }) => {
      const payload = { protocol: protocol.code, bytes: protocol.encode(value).payload };
      reply(encodeAnswer({ id, connectionId, outcome, payload }));
    });
  }

  private receiveAnswer(body: Buffer): void {
    const { id, connectionId, outcome, payload } = decodeAnswer(body);
    const value = protocolOfCode(payload.protocol)?.decode(payload.bytes);
    this.pending.get(id)?.answered(connectionId, { outcome, value });
  }

  private deliver(address: Address, frames: MessageFrames): LocalConnection[] {
    const members = this.roster.members(address.path);
    const connections = members ? recipients(members, address) : [];
    for (const { sink, protocol } of connections) sink.write(frames.for(protocol), false);
    return connections;
  }
}
