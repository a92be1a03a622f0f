import type { WebSocket } from 'ws';
import { MessageFrames } from '../protocol/message-frames.js';
import type { Address } from '../protocol/target.js';
import { MAX_TIMER_MS } from '../protocol/timer-limit.js';
import { Delivery } from '../routing/delivery.js';
import type { EmitOptions } from '../routing/emitter.js';
import type { LocalConnection } from '../routing/local-connection.js';
import { checkData, checkEvent, checkExpiry, checkGroup } from './arguments.js';
import { BackplaneConnection } from './backplane-connection.js';
import type { BroadcastContext } from './broadcast-context.js';
import { checkClose } from './close-code.js';
import type { AnyEvents, DataOf, EventData, EventName } from './events.js';
import { encodeException, withoutHeavyCause } from './exception-payload.js';
import { invoke } from './invocations.js';
import type { InvokeOptions } from './invoke.js';
import type { LimitedLog } from './limited-log.js';

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

/** A client that is connected to this server. */
export class ClientConnection<Data = unknown, Events extends object = AnyEvents> extends BackplaneConnection<
  Data,
  Events
> {
  private expiry: NodeJS.Timeout | undefined;

  constructor(
    private readonly session: ConnectionSession,
    private readonly context: BroadcastContext,
    override readonly data: Data,
  ) {
    super();
  }

  override get socket(): WebSocket {
    return this.session.socket;
  }

  override get id(): string {
    return this.session.id;
  }

  /** For the failures of hooks, which get nothing but the client. */
  get log(): LimitedLog {
    return this.context.log;
  }

  override get userId(): string | undefined {
    return this.session.userId;
  }

  override get groups(): ReadonlySet<string> {
    return new Set(this.session.memberships.keys());
  }

  override join(group: string): Promise<void> {
    const joined = this.context.router.roster.join(this.session, group);
    // A client that leaves must not end the process of an app that does not wait for its join.
    joined.catch(ignore);
    return joined;
  }

  override leave(group: string): Promise<void> {
    return new Promise((resolve) => {
      checkGroup(group);
      this.context.router.roster.leave(this.session, group);
      resolve();
    });
  }

  override emit<Name extends EventName<Events>>(
    event: Name,
    ...data: EventData<Events, Name>
  ): Promise<Delivery> {
    if (event !== 'exception' || !this.session.open) return this.send(event, data[0]);
    try {
      return this.fail(data[0]);
    } catch (error) {
      // A getter of the exception's own, say.
      return this.context.router.emitter.refuse(error);
    }
  }

  override invoke<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name>,
    options: InvokeOptions<T> = {},
  ): Promise<T> {
    return invoke(this.context, { address: this.address, local: true }, event, data, options);
  }

  override renew(expiresAt: Date | null): void {
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

  override close(code = 1000, reason = ''): void {
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
