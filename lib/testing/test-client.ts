import type { WebSocket } from 'ws';
import { checkData, checkEvent } from '../broadcast/arguments.js';
import type { AnyEvents, DataOf, EventName } from '../broadcast/events.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import { protocolOfSubprotocol } from '../protocol/client-protocols.js';
import { jsonProtocol } from '../protocol/json-protocol.js';
import { messageOf } from '../protocol/thrown.js';
import { type Frame, readFrame, type ReceivedMessage } from './received-message.js';
import type { Reply } from './replies.js';
import { HandlerError, TestClientError } from './testing.errors.js';
import { Waiters } from './waiters.js';

/** How a connection was closed. */
export interface CloseEvent {
  readonly code: number;
  readonly reason: string;
}

/** How long the server may take to reply to a close frame, in milliseconds. After that, the connection is terminated. */
const CLOSE_TIMEOUT_MS = 2000;

/**
 * A client of a gateway, for tests. Made by {@link connectTestClient}.
 *
 * @typeParam Events the events that the gateway sends, as in `Broadcaster<Events>`
 */
export class TestClient<Events extends object = AnyEvents> {
  /** Every message that has arrived, in order, except replies to `invoke`. */
  readonly received: ReceivedMessage[] = [];
  /** Resolves when the connection is closed, by either side. */
  readonly closed: Promise<CloseEvent>;
  private readonly unread: ReceivedMessage[] = [];
  private readonly waiters: Waiters;
  private invocations = 0;

  /** @internal */
  constructor(
    /** The underlying `ws` socket, for what this class does not do, such as sending malformed messages. */
    readonly socket: WebSocket,
    timeoutMs: number,
    private readonly replies: Map<string, Reply>,
  ) {
    this.waiters = new Waiters(timeoutMs, this.received);
    socket.on('message', (bytes: Buffer) => this.receive(readFrame(this.protocol, bytes)));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        this.waiters.close(code, reason.toString());
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  /**
   * Resolves with the data of the next message of this event. Messages that arrived before the call count, and each one is
   * returned once, so nothing is missed. Messages of other events stay for later calls.
   *
   * @param timeout how long to wait, in milliseconds. Default: the client's `timeout`, 2000
   * @throws TestClientError (as a rejection) when none arrives in time, or the connection is closed. The message lists what
   * has arrived
   * @throws InvalidArgumentError (as a rejection) when the event is not a string
   */
  async next<Name extends EventName<Events>>(event: Name, timeout?: number): Promise<DataOf<Events, Name>> {
    checkEvent(event);
    const index = this.unread.findIndex((message) => message.event === event);
    const [known] = index < 0 ? [] : this.unread.splice(index, 1);
    const message = known ?? (await this.waiters.wait(`No message "${event}"`, isEvent(event), timeout));
    // Not checked, like the data of a handler. An expectation of the test follows.
    return message.data as DataOf<Events, Name>;
  }

  /**
   * Sends an event to the gateway.
   *
   * @throws TestClientError when the connection is closed
   * @throws InvalidArgumentError when the event or the data is invalid
   */
  emit(event: string, data?: unknown): void {
    checkEvent(event);
    checkData(data);
    this.send({ event, data });
  }

  /**
   * Sends an event and resolves with the handler's reply: what it returned, or `null` if it returned nothing.
   *
   * @param timeout how long to wait, in milliseconds. Default: the client's `timeout`, 2000
   * @throws HandlerError (as a rejection) when the handler replies with an error; `error` is what the client received
   * @throws TestClientError (as a rejection) when no reply arrives in time, or the connection is closed
   * @throws InvalidArgumentError (as a rejection) when the event or the data is invalid
   */
  async invoke(event: string, data?: unknown, timeout?: number): Promise<unknown> {
    checkEvent(event);
    checkData(data);
    const id = ++this.invocations;
    this.send({ event, data, id });
    const reply = await this.waiters.wait(
      `No reply to "${event}"`,
      (frame) => frame.event === undefined && frame.id === id,
      timeout,
    );
    if (reply.error !== undefined) throw new HandlerError(event, reply.error);
    return reply.data;
  }

  /**
   * Sets the reply to the server's `invoke` of an event. Without one, the client responds with an error. If the server may
   * invoke as soon as the client connects, pass the reply in the option `replies`.
   *
   * @param reply may return a promise; one that never resolves makes a client that does not respond
   */
  reply(event: EventName<Events>, reply: Reply): void {
    this.replies.set(event, reply);
  }

  /**
   * Closes the connection and resolves when it is closed. Has no effect on a closed one.
   *
   * @param code a WebSocket close code: 1000, or 3000 to 4999. Default: 1000
   */
  async close(code = 1000, reason = ''): Promise<CloseEvent> {
    this.socket.close(code, reason);
    const timer = setTimeout(() => this.socket.terminate(), CLOSE_TIMEOUT_MS);
    const event = await this.closed;
    clearTimeout(timer);
    return event;
  }

  private get protocol(): ClientProtocol {
    return protocolOfSubprotocol(this.socket.protocol) ?? jsonProtocol;
  }

  private receive(frame: Frame): void {
    const isAwaited = this.waiters.take(frame);
    const { event, id } = frame;
    // A reply. One that nobody waits for any more is too late.
    if (event === undefined && id !== undefined) return;
    this.received.push(frame);
    if (!isAwaited) this.unread.push(frame);
    if (event !== undefined && id !== undefined) void this.respond(event, frame);
  }

  /** Responds to an `invoke` of the server. */
  private async respond(event: string, { id, data }: Frame): Promise<void> {
    const reply = this.replies.get(event);
    try {
      if (!reply)
        throw new TestClientError(`The test client has no reply to "${event}". Set one with client.reply().`);
      this.respondWith({ id, data: (await reply(data)) ?? null });
    } catch (error) {
      this.respondWith({ id, error: messageOf(error) });
    }
  }

  private respondWith(response: object): void {
    if (this.socket.readyState === this.socket.OPEN) this.send(response);
  }

  private send(message: object): void {
    if (this.socket.readyState !== this.socket.OPEN)
      throw new TestClientError('The client cannot send: its connection is closed. See client.closed.');
    const { payload, binary } = this.protocol.encode(message);
    this.socket.send(payload, { binary });
  }
}

function isEvent(event: string): (frame: Frame) => boolean {
  return (frame) => frame.event === event;
}
