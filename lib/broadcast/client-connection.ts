import type { WebSocket } from 'ws';
import type { Address } from '../protocol/target.js';
import { MAX_TIMER_MS } from '../protocol/timer-limit.js';
import { Delivery } from '../routing/delivery.js';
import type { LocalConnection } from '../routing/local-connection.js';
import { checkExpiry, checkGroup } from './arguments.js';
import { BackplaneConnection } from './backplane-connection.js';
import { checkClose } from './close-code.js';
import { addressOf, type Dispatcher } from './dispatcher.js';
import type { AnyEvents, DataOf, EventData, EventName } from './events.js';
import { encodeException, withoutHeavyCause } from './exception-payload.js';
import { frameContext, pendingStreams } from './frame-context.js';
import type { InvokeOptions } from './invoke.js';
import type { LimitedLog } from './limited-log.js';

const POLICY_VIOLATION = 1008;

/** A client that is connected to this server. */
export class ClientConnection<Data = unknown, Events extends object = AnyEvents> extends BackplaneConnection<
  Data,
  Events
> {
  private expiry: NodeJS.Timeout | undefined;

  constructor(
    private readonly local: LocalConnection,
    private readonly dispatcher: Dispatcher,
    override readonly socket: WebSocket,
    override readonly data: Data,
  ) {
    super();
  }

  override get id(): string {
    return this.local.id;
  }

  /** For what fails on behalf of this client. */
  get log(): LimitedLog {
    return this.dispatcher.log;
  }

  override get userId(): string | undefined {
    return this.local.userId;
  }

  override get groups(): ReadonlySet<string> {
    return new Set(this.local.memberships.keys());
  }

  override join(group: string): Promise<void> {
    const joined = this.dispatcher.join(this.local, group);
    // A client that leaves must not end the process of an app that does not wait for its join.
    joined.catch(ignore);
    return joined;
  }

  override leave(group: string): Promise<void> {
    return new Promise((resolve) => {
      checkGroup(group);
      this.dispatcher.leave(this.local, group);
      resolve();
    });
  }

  override emit<Name extends EventName<Events>>(
    event: Name,
    ...data: EventData<Events, Name>
  ): Promise<Delivery> {
    if (event !== 'exception' || !this.local.open) return this.send(event, data[0]);
    try {
      return this.fail(data[0]);
    } catch (error) {
      // A getter of the exception's own, say.
      return this.dispatcher.refuse(error);
    }
  }

  override invoke<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name>,
    options: InvokeOptions<T> = {},
  ): Promise<T> {
    return this.dispatcher.invoke({ address: this.address, local: true }, event, data, options);
  }

  override renew(expiresAt: Date | null): void {
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

  override close(code = 1000, reason = ''): void {
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
