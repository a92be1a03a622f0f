import { ArgumentList, eventFrames } from '../protocol/argument-list.js';
import type { WebSocket } from 'ws';
import type { Address } from '../protocol/target.js';
import { MAX_TIMER_MS } from '../protocol/timer-limit.js';
import { Delivery } from '../routing/delivery.js';
import type { EmitOptions } from '../routing/emitter.js';
import type { LocalConnection } from '../routing/local-connection.js';
import { checkData, checkEvent, checkExpiry, checkGroup } from './arguments.js';
import { BackplaneConnection } from './backplane-connection.js';
import type { BroadcastContext } from './broadcast-context.js';
import { checkClose, EXPIRED } from './close-code.js';
import type { AnyEvents, DataOf, EventArguments, EventData, EventName } from './events.js';
import { encodeException, withoutHeavyCause } from './exception-payload.js';
import { handled } from './handled.js';
import { invoke } from './invocations.js';
import type { InvokeOptions } from './invoke.js';
import type { LimitedLog } from './limited-log.js';

const POLICY_VIOLATION = 1008;
const TO_ONE: EmitOptions = { local: true, volatile: false };

/** The part of a session that a connection uses. Implemented in adapter/session.ts. */
export interface ConnectionSession extends LocalConnection {
  readonly socket: WebSocket;
  /**
   * Sends an error as the reply to the frame with an `id` that is being handled.
   *
   * @returns false if no such frame is being handled, or if it already has a reply
   */
  failFrame(error: unknown): boolean;
  /** Aborted when the client disconnects. */
  readonly closedSignal: AbortSignal;
}

/** A connection to this server: the implementation behind {@link BackplaneConnection}. */
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

  /** Aborted when the client disconnects. */
  get closedSignal(): AbortSignal {
    return this.session.closedSignal;
  }

  /** For failures of gateway hooks, which only get the client. */
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
    return handled(() => this.context.router.roster.join(this.session, group));
  }

  override leave(group: string): Promise<void> {
    return handled(
      () =>
        new Promise((resolve) => {
          checkGroup(group);
          this.context.router.roster.leave(this.session, group);
          resolve();
        }),
    );
  }

  override emit<Name extends EventName<Events>>(
    event: Name,
    ...data: EventData<Events, Name>
  ): Promise<Delivery> {
    return this.emitData(event, data[0]);
  }

  override send<Name extends EventName<Events>>(
    event: Name,
    ...args: EventArguments<Events, Name>
  ): Promise<Delivery> {
    return this.sendEvent(event, new ArgumentList(args));
  }

  override invoke<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name> | ArgumentList,
    options: InvokeOptions<T> = {},
  ): Promise<T> {
    const scope = { address: this.address, local: true };
    return handled(() => invoke(this.context, scope, event, data, options));
  }

  override renew(expiresAt: Date | null): void {
    checkExpiry(expiresAt);
    clearTimeout(this.expiry);
    // A timer of a closed connection would keep the process running.
    if (!expiresAt || !this.session.open) return;
    const left = Math.max(0, expiresAt.getTime() - Date.now());
    // A time beyond the maximum delay of a timer is checked again when the timer fires.
    const expire = (): void =>
      left > MAX_TIMER_MS ? this.renew(expiresAt) : this.close(POLICY_VIOLATION, EXPIRED);
    this.expiry = setTimeout(expire, Math.min(left, MAX_TIMER_MS));
  }

  override close(code = 1000, reason = ''): void {
    checkClose(code, reason);
    this.session.close(code, reason);
  }

  private emitData(event: string, data: unknown): Promise<Delivery> {
    if (event !== 'exception' || !this.session.open) return this.sendEvent(event, data);
    try {
      return this.sendException(data);
    } catch (error) {
      // A getter of the exception may throw.
      return this.context.router.emitter.refuse(error);
    }
  }

  /** Sends an exception as the reply to the frame with an `id` that is being handled, or else as a message. */
  private sendException(error: unknown): Promise<Delivery> {
    const { session } = this;
    const payload = withoutHeavyCause(error);
    if (session.failFrame(payload)) return Promise.resolve(new Delivery(1, 'notNeeded'));
    const { frame, isWhole } = encodeException(payload, session.dialect);
    session.sink.write(frame, false);
    // The client got only the generic error. Emitting the exception itself rejects or reports why it cannot be sent.
    return isWhole ? Promise.resolve(new Delivery(1, 'notNeeded')) : this.sendEvent('exception', payload);
  }

  private sendEvent(event: string, data: unknown): Promise<Delivery> {
    const { emitter } = this.context.router;
    try {
      checkEvent(event);
      checkData(data);
      return emitter.emit(this.address, eventFrames(event, data), TO_ONE);
    } catch (error) {
      return emitter.refuse(error);
    }
  }

  private get address(): Address {
    const { path, id } = this.session;
    return { path, targets: [{ kind: 'connection', name: id }], excluded: [] };
  }
}
