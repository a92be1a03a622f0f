import type { Bus } from '../bus/bus.js';
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
import { ClientFrame } from '../protocol/client-frame.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import { MessageFrames } from '../protocol/message-frames.js';
import { RecordKind } from '../protocol/record-kind.js';
import type { Address } from '../protocol/target.js';
import { serversOf } from './addressing.js';
import { recipients } from './deliver.js';
import { decodeAnswerPayload, encodeAnswerPayload } from './answer-payload.js';
import { type Answer, type AnswerSender, HeldAsks } from './held-asks.js';
import type { LocalConnection } from './local-connection.js';
import { PendingAsk } from './pending-ask.js';
import type { RecordDispatcher } from './record-dispatcher.js';
import { InvokeCanceledError } from './request.errors.js';
import type { Requests } from './requests.js';
import type { Roster } from './roster.js';

/** What stands for the answer of a client that cannot be asked. */
const UNASKABLE = "The question has no form in the client's protocol.";

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

/** Asks clients, wherever they are, and brings their answers back. */
export class Asks {
  private number = 0;
  private readonly pending = new Map<string, PendingAsk>();
  private readonly held = new HeldAsks();

  constructor(
    private readonly bus: Bus,
    private readonly channels: ChannelNames,
    private readonly protocols: readonly ClientProtocol[],
    private readonly roster: Roster,
    private readonly requests: Requests,
    dispatcher: RecordDispatcher,
  ) {
    dispatcher.on(RecordKind.Ask, (body, origin) => this.receive(decodeAsk(body), origin));
    dispatcher.on(RecordKind.AskReply, (body, origin) => {
      const { id, asked } = decodeAskReply(body);
      this.pending.get(id)?.asked(origin, asked);
    });
    dispatcher.on(RecordKind.Answer, (body, origin) => this.receiveAnswer(body, origin));
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
    const request = local ? undefined : this.requests.prepare(address, () => this.encode(question));
    if (request) this.requests.checkOpen();
    const pending = new PendingAsk(this.bus.peers, serversOf(address, this.bus.serverId));
    const options = { what: 'invoke', timeoutMs, isRepeatable: false, signal } as const;
    this.pending.set(id, pending);
    try {
      this.askOwn(question, pending);
      await this.requests.send(request, pending.servers, options);
      return pending;
    } finally {
      this.pending.delete(id);
      pending.servers.end();
    }
  }

  /** @returns false when the client answers what another one was asked */
  answer(connection: LocalConnection, id: string, answer: Answer): boolean {
    return this.held.answer(connection, id, answer);
  }

  disconnected(connection: LocalConnection): void {
    this.held.disconnected(connection);
  }

  /** No client's answer is waited for any more. */
  close(): void {
    this.held.close();
  }

  private encode({ id, address, frames, timeoutMs }: Question): Buffer {
    return encodeAsk({ id, timeoutMs, address, payloads: frames.payloads(this.protocols) });
  }

  private askOwn({ id, address, frames, timeoutMs }: Question, pending: PendingAsk): void {
    const connections = this.recipients(address);
    const [first] = connections;
    // Where it has no form for anybody here, it is the caller's mistake.
    if (first && connections.every(({ protocol }) => frames.attempt(protocol) instanceof Error))
      frames.for(first.protocol);
    pending.asked(
      this.bus.serverId,
      connections.map((connection) => connection.id),
    );
    this.hold(id, connections, timeoutMs, frames, (connection, answer) =>
      pending.answered(this.bus.serverId, connection.id, answer),
    );
  }

  private receive({ id, timeoutMs, address, payloads }: AskRecord, origin: string): void {
    const frames = MessageFrames.received(payloads);
    const connections = this.recipients(address);
    const channels = [this.channels.server(origin)];
    // A reply that is lost is a timeout at the server that asked: an ask is never repeated.
    const reply = (record: Buffer): void => void this.bus.publish(channels, record).catch(() => undefined);
    reply(encodeAskReply({ id, asked: connections.map((connection) => connection.id) }));
    if (connections.length === 0) return;
    this.hold(id, connections, timeoutMs, frames, ({ id: connectionId, protocol }, answer) =>
      reply(encodeAnswer({ id, connectionId, ...encodeAnswerPayload(protocol, answer) })),
    );
  }

  private receiveAnswer(body: Buffer, origin: string): void {
    const { id, connectionId, outcome, payload } = decodeAnswer(body);
    this.pending.get(id)?.answered(origin, connectionId, decodeAnswerPayload({ outcome, payload }));
  }

  private recipients(address: Address): LocalConnection[] {
    const members = this.roster.members(address.path);
    return members ? recipients(members, address) : [];
  }

  /** Asks the connections, and waits for their answers. */
  private hold(
    id: string,
    connections: readonly LocalConnection[],
    timeoutMs: number,
    frames: MessageFrames,
    send: AnswerSender,
  ): void {
    this.held.hold(id, connections, timeoutMs, send);
    for (const connection of connections) {
      const frame = frames.attempt(connection.protocol);
      if (frame instanceof ClientFrame) connection.sink.write(frame, false);
      else this.held.answer(connection, id, { outcome: 'error', value: UNASKABLE });
    }
  }
}
