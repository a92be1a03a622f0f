import type { WebSocket } from 'ws';
import { MessageFrames } from '../protocol/message-frames.js';
import type { Address } from '../protocol/target.js';
import { MAX_TIMER_MS } from '../protocol/timer-limit.js';
import { Delivery } from '../routing/delivery.js';
import type { EmitOptions } from '../routing/emitter.js';
import type { LocalConnection } from '../routing/local-connection.js';
import { checkData, checkEvent, checkExpiry, checkGroup } from './arguments.js';
import type { BroadcastContext } from './broadcast-context.js';
import { checkClose } from './close-code.js';
import type { AnyEvents, DataOf, EventData, EventName } from './events.js';
import { encodeException, withoutHeavyCause } from './exception-payload.js';
import { invoke } from './invocations.js';
import type { InvokeOptions } from './invoke.js';

const POLICY_VIOLATION = 1008;
const TO_ONE: EmitOptions = { local: true, volatile: false };

/** What a connection needs of the session behind it. Implemented in adapter/session.ts. */
export interface ConnectionSession extends LocalConnection {
  readonly socket: WebSocket;
  /**
   * Answers the frame with an `id` whose handler is running with an error.
   *
   * @returns false when no such frame is being handled, or it has been answered already
   */
  failFrame(error: unknown): boolean;
}

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
    private readonly session: ConnectionSession,
    private readonly context: BroadcastContext,
    /** What admission found out about the client, else an empty object; the same for the connection's whole life. */
    readonly data: Data,
  ) {}

  /**
   * The raw socket. What is written to it directly passes by the order of what `emit` sends, and by `limits.bufferedBytes`:
   * it counts when something is emitted, but nothing limits it by itself. Look at `bufferedAmount` before you write much.
   */
  get socket(): WebSocket {
    return this.session.socket;
  }

  /** `<serverId>.<random>`, unique in the farm. */
  get id(): string {
    return this.session.id;
  }

  /** The user that admission recognised. */
  get userId(): string | undefined {
    return this.session.userId;
  }

  /** The groups that the connection is in now: a copy. None from the moment when it begins to close, so also in `handleDisconnect`. */
  get groups(): ReadonlySet<string> {
    return new Set(this.session.memberships.keys());
  }

  /**
   * Joins a group. When it resolves, an emit from any server reaches this connection. Joining twice is joining once.
   *
   * @throws NotJoinedError (as a rejection) when the group needs Redis and Redis is not there: it is not joined
   * @throws ConnectionClosedError (as a rejection) when the connection is closed, or begins to close meanwhile
   * @throws InvalidNameError (as a rejection)
   */
  join(group: string): Promise<void> {
    const joined = this.context.router.roster.join(this.session, group);
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
      this.context.router.roster.leave(this.session, group);
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
    if (event !== 'exception' || !this.session.open) return this.send(event, data[0]);
    try {
      return this.fail(data[0]);
    } catch (error) {
      // A getter of the exception's own, say.
      return this.context.router.emitter.refuse(error);
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
    return invoke(this.context, { address: this.address, local: true }, event, data, options);
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
    if (!expiresAt || !this.session.open) return;
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
    this.session.sink.close(code, reason);
  }

  /** The error of the frame with an `id` that is being handled, or else a message of its own. */
  private fail(error: unknown): Promise<Delivery> {
    const { session } = this;
    const payload = withoutHeavyCause(error);
    if (session.failFrame(payload)) return Promise.resolve(new Delivery(1, 'notNeeded'));
    const { frame, isWhole } = encodeException(payload, session.protocol);
    session.sink.write(frame, false);
    // The client learns at least that something failed; the caller of `emit` learns why it learns no more.
    return isWhole ? Promise.resolve(new Delivery(1, 'notNeeded')) : this.send('exception', payload);
  }

  private send(event: string, data: unknown): Promise<Delivery> {
    const { emitter } = this.context.router;
    try {
      checkEvent(event);
      checkData(data);
      return emitter.emit(this.address, MessageFrames.of({ event, data }), TO_ONE);
    } catch (error) {
      return emitter.refuse(error);
    }
  }

  private get address(): Address {
    const { path, id } = this.session;
    return { path, targets: [{ kind: 'connection', name: id }], excluded: [] };
  }
}

function ignore(): void {}
