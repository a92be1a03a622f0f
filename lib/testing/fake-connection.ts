import { ArgumentList } from '../protocol/argument-list.js';
import { checkExpiry, checkGroup, checkInvokeOptions } from '../broadcast/arguments.js';
import { BackplaneConnection } from '../broadcast/backplane-connection.js';
import { checkClose } from '../broadcast/close-code.js';
import type { AnyEvents, DataOf, EventArguments, EventData, EventName } from '../broadcast/events.js';
import type { InvokeOptions } from '../broadcast/invoke.js';
import { jsonProtocol } from '../protocol/json-protocol.js';
import type { MessageFrames } from '../protocol/message-frames.js';
import { Delivery } from '../routing/delivery.js';
import { ConnectionClosedError } from '../routing/request.errors.js';
import { fakeMessage, refused } from './fake-message.js';
import type { RecordedMessage } from './recorded-emits.js';
import { type Reply, Replies } from './replies.js';
import { TestSetupError } from './testing.errors.js';

export interface FakeConnectionOptions<Data = unknown> {
  /** Default: `fake.1`, `fake.2` and so on. */
  id?: string;
  /** Default: none. */
  userId?: string;
  /** What `authenticate` would have returned. Default: an empty object. */
  data?: Data;
}

let connections = 0;

/**
 * Takes the place of the `client` of a handler in a unit test. Records what the handler does with it.
 *
 * ```ts
 * const client = new FakeConnection({ userId: 'ada' });
 * await gateway.join(client, 'tea');
 * expect([...client.groups]).toEqual(['tea']);
 * expect(client.emits).toEqual([{ event: 'welcome', data: { room: 'tea' } }]);
 * ```
 */
export class FakeConnection<Data = unknown, Events extends object = AnyEvents> extends BackplaneConnection<
  Data,
  Events
> {
  override readonly id: string;
  override readonly userId: string | undefined;
  override readonly data: Data;
  /** Every `emit`, in order. */
  readonly emits: RecordedMessage[] = [];
  /** Every `invoke`, in order. */
  readonly invokes: RecordedMessage[] = [];
  /** Every group that the connection was told to join, in order. */
  readonly joined: string[] = [];
  /** Every group that the connection was told to leave, in order. */
  readonly left: string[] = [];
  private readonly memberships = new Set<string>();
  private readonly replies = new Replies();
  private closure: { readonly code: number; readonly reason: string } | undefined;
  private expiry: Date | null | undefined;

  constructor({ id = `fake.${++connections}`, userId, data }: FakeConnectionOptions<Data> = {}) {
    super();
    this.id = id;
    this.userId = userId;
    // As for a real connection, the caller is responsible for the type.
    this.data = (data ?? {}) as Data;
  }

  /** @throws TestSetupError because there is none */
  override get socket(): never {
    throw new TestSetupError(
      'A FakeConnection has no socket. Use connectTestClient for code that needs one.',
    );
  }

  override get groups(): ReadonlySet<string> {
    return new Set(this.memberships);
  }

  /** How it was closed: the code and the reason of the first `close`. `undefined` while it is open. */
  get closed(): { readonly code: number; readonly reason: string } | undefined {
    return this.closure;
  }

  /** What `renew` was last called with. `undefined` if it was not called. */
  get expiresAt(): Date | null | undefined {
    return this.expiry;
  }

  /**
   * Sets the client's reply to `invoke` of an event. Without one, `invoke` rejects.
   *
   * @param reply may return a promise. What it throws becomes a `ClientResultError`; an error of this library stays what it is
   */
  reply(event: EventName<Events>, reply: Reply): void {
    this.replies.set(event, reply);
  }

  override async join(group: string): Promise<void> {
    checkGroup(group);
    if (this.closure) throw new ConnectionClosedError(this.id);
    this.joined.push(group);
    this.memberships.add(group);
    return Promise.resolve();
  }

  override async leave(group: string): Promise<void> {
    checkGroup(group);
    this.left.push(group);
    this.memberships.delete(group);
    return Promise.resolve();
  }

  override emit<Name extends EventName<Events>>(
    event: Name,
    ...data: EventData<Events, Name>
  ): Promise<Delivery> {
    return this.recordEmit(event, data[0]);
  }

  override send<Name extends EventName<Events>>(
    event: Name,
    ...args: EventArguments<Events, Name>
  ): Promise<Delivery> {
    return this.recordEmit(event, new ArgumentList(args));
  }

  private recordEmit(event: string, data: unknown): Promise<Delivery> {
    try {
      const message = fakeMessage(event, data);
      if (!this.closure) this.emits.push(received(message));
      return Promise.resolve(new Delivery(this.closure ? 0 : 1, 'notNeeded'));
    } catch (error) {
      return refused(error);
    }
  }

  override async invoke<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name> | ArgumentList,
    options: InvokeOptions<T> = {},
  ): Promise<T> {
    checkInvokeOptions(options);
    const message = fakeMessage(event, data);
    if (this.closure) throw new ConnectionClosedError(this.id);
    this.invokes.push(received(message));
    return this.replies.invoke(this.id, event, data, options.parse);
  }

  override renew(expiresAt: Date | null): void {
    checkExpiry(expiresAt);
    if (!this.closure) this.expiry = expiresAt;
  }

  override close(code = 1000, reason = ''): void {
    checkClose(code, reason);
    this.closure ??= { code, reason };
    this.memberships.clear();
  }
}

/** The message as a client with JSON decodes it. */
function received(message: MessageFrames): RecordedMessage {
  return jsonProtocol.decode(message.for(jsonProtocol).payload) as RecordedMessage;
}
