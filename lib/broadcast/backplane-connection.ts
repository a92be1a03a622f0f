import type { WebSocket } from 'ws';
import type { Address } from '../protocol/target.js';
import { MAX_TIMER_MS } from '../protocol/timer-limit.js';
import { Delivery } from '../routing/delivery.js';
import type { LocalConnection } from '../routing/local-connection.js';
import { checkExpiry, checkGroup } from './arguments.js';
import { checkClose } from './close-code.js';
import { addressOf, type Dispatcher } from './dispatcher.js';
import type { AnyEvents, DataOf, EventData, EventName } from './events.js';
import { encodeException, withoutHeavyCause } from './exception-payload.js';
import { frameContext, pendingStreams } from './frame-context.js';
import type { InvokeOptions } from './invoke.js';

const POLICY_VIOLATION = 1008;

/**
 * A client, as handlers get it. Not a `ws` socket: that one is `socket`.
 *
 * @typeParam Data what `authenticate` found out about the client
 * @typeParam Events the events that its gateway sends, as in `Broadcaster<Events>`
 */
export class BackplaneConnection<Data = unknown, Events extends object = AnyEvents> {
  private expiry: NodeJS.Timeout | undefined;

  /** @internal */
  constructor(
    private readonly local: LocalConnection,
    private readonly dispatcher: Dispatcher,
    /**
     * The raw socket. What is written to it directly passes by the order of what `emit` sends, and by `limits.bufferedBytes`:
     * it counts when something is emitted, but nothing limits it by itself. Look at `bufferedAmount` before you write much.
     */
    readonly socket: WebSocket,
    /** What admission found out about the client, else an empty object; the same for the connection's whole life. */
    readonly data: Data,
  ) {}

  /** `<serverId>.<random>`, unique in the farm. */
  get id(): string {
    return this.local.id;
  }

  /** The user that admission recognised. */
  get userId(): string | undefined {
    return this.local.userId;
  }

  /** The groups that the connection is in now: a copy. None from the moment when it begins to close, so also in `handleDisconnect`. */
  get groups(): ReadonlySet<string> {
    return new Set(this.local.memberships.keys());
  }

  /**
   * Joins a group. When it resolves, an emit from any server reaches this connection. Joining twice is joining once.
   *
   * @throws NotJoinedError (as a rejection) when the group needs Redis and Redis is not there: it is not joined
   * @throws ConnectionClosedError (as a rejection) when the connection is closed, or begins to close meanwhile
   * @throws InvalidNameError (as a rejection)
   */
  join(group: string): Promise<void> {
    const joined = this.dispatcher.join(this.local, group);
    // A client that leaves must not end the process of an app that does not wait for its join.
    joined.catch(ignore);
    return joined;
  }

  /**
   * Leaves a group. Nothing that is emitted to the group afterwards reaches this connection.
   *
   * @throws InvalidNameError (as a rejection)
   */
  leave(group: string): Promise<void> {
    return new Promise((resolve) => {
      checkGroup(group);
      this.dispatcher.leave(this.local, group);
      resolve();
    });
  }

  /**
   * Sends an event to this client alone. Once the connection begins to close it reaches nobody, and resolves with
   * `{ local: 0, backplane: 'notNeeded' }`. An `exception` that is emitted while a frame with an `id` is handled is the
   * answer to that frame, unless it has been answered. Its `cause` is left out when it has more than 16 KiB, or nests
   * deeper than 64 levels: it is mostly what the client sent.
   */
  emit<Name extends EventName<Events>>(event: Name, ...data: EventData<Events, Name>): Promise<Delivery> {
    if (event !== 'exception' || !this.local.open) return this.send(event, data[0]);
    try {
      return this.fail(data[0]);
    } catch (error) {
      // A getter of the exception's own, say.
      return this.dispatcher.refuse(error);
    }
  }

  /**
   * Sends an event to this client and resolves with its answer.
   *
   * @throws as `broadcaster.connection(id).invoke(…)` does
   */
  invoke<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name>,
    options: InvokeOptions<T> = {},
  ): Promise<T> {
    return this.dispatcher.invoke({ address: this.address, local: true }, event, data, options);
  }

  /**
   * Sets when the connection is closed with 1008, instead of when its admission said. Does nothing once it begins to close.
   *
   * @param expiresAt a time; `null` for never
   * @throws InvalidArgumentError
   */
  renew(expiresAt: Date | null): void {
    checkExpiry(expiresAt);
    clearTimeout(this.expiry);
    // A timer of a connection that is gone would keep the process running.
    if (!expiresAt || !this.local.open) return;
    const left = Math.max(0, expiresAt.getTime() - Date.now());
    // What lies beyond a timer's reach is looked at again when the timer ends.
    const expire = (): void =>
      left > MAX_TIMER_MS ? this.renew(expiresAt) : this.close(POLICY_VIOLATION, 'Expired');
    this.expiry = setTimeout(expire, Math.min(left, MAX_TIMER_MS));
  }

  /**
   * Closes the connection. What was emitted to it before is sent first. From then on it is in no list, group or user, and
   * what its client has sent and no handler has begun with is dropped. `handleDisconnect` runs when the socket is closed,
   * which the client may put off by two seconds. Closing again does nothing.
   *
   * @param code a WebSocket close code: 1000, or 3000 to 4999 for the app's own
   * @param reason at most 123 bytes of UTF-8
   * @throws InvalidCloseError
   */
  close(code = 1000, reason = ''): void {
    checkClose(code, reason);
    this.local.sink.close(code, reason);
  }

  /** Answers the frame with an `id` that failed, else sends a message of its own. */
  private fail(error: unknown): Promise<Delivery> {
    const payload = withoutHeavyCause(error);
    const context = frameContext.getStore();
    const frame = context?.connectionId === this.id ? context : undefined;
    const deliver = (): Promise<Delivery> =>
      frame?.fail(payload) ? Promise.resolve(new Delivery(1, 'notNeeded')) : this.sendException(payload);
    return pendingStreams.has(this.id) ? pendingStreams.offer(this.id, payload, deliver) : deliver();
  }

  private sendException(error: unknown): Promise<Delivery> {
    const { local } = this;
    if (!local.open) return Promise.resolve(new Delivery(0, 'notNeeded'));
    const { frame, isWhole } = encodeException(error, local.protocol);
    local.sink.write(frame, false);
    // The client learns at least that something failed; the caller of `emit` learns why it learns no more.
    return isWhole ? Promise.resolve(new Delivery(1, 'notNeeded')) : this.send('exception', error);
  }

  private send(event: string, data: unknown): Promise<Delivery> {
    return this.dispatcher.emit(() => this.address, event, data, { local: true, volatile: false });
  }

  private get address(): Address {
    return addressOf(this.local.path, this.local.id);
  }
}

function ignore(): void {}
