import { replyOf, valueIn } from '../adapter/handler-result.js';
import { Reply } from '../adapter/reply.js';
import type { Session } from '../adapter/session.js';
import { INTERNAL_ERROR } from '../broadcast/exception-payload.js';
import type { ResolvedSignalR } from '../options/signalr-options.js';
import type { ClientFrame } from '../protocol/client-frame.js';
import { errorText, type FailedPart } from './hub-errors.js';
import type { HubInvocation } from './hub-message.js';
import type { HubProtocol } from './hub-protocol.js';

/** The options that decide what clients learn about errors. */
export type ErrorOptions = Pick<ResolvedSignalR, 'bareErrors' | 'detailedErrors' | 'exceptionEvents'>;

export interface ReplyOptions {
  readonly errors: ErrorOptions;
  /** Called with the reason if the client's protocol cannot carry the output. The client then gets an error. */
  readonly onUnsendable: (invocation: HubInvocation, reason: unknown) => void;
}

/** The reply to a call from a SignalR client: a result, or the items of a stream. */
export class HubReply extends Reply {
  private isSent = false;
  /** What an error message refers to: the call, and later the stream that the handler returned. */
  part: FailedPart = 'call';

  constructor(
    private readonly session: Session,
    private readonly invocation: HubInvocation,
    private readonly hub: HubProtocol,
    private readonly options: ReplyOptions,
  ) {
    super(session);
  }

  /** Whether the client is still waiting for a result, or for more items. */
  get isOpen(): boolean {
    return !this.isSent && this.session.open;
  }

  override result(result: unknown): void {
    const { id } = this.invocation;
    if (id === undefined) this.event(result);
    else this.send(() => this.hub.result(id, replyOf(result, this.hub.protocol)), true);
  }

  override fail(exception: unknown): boolean {
    // A client whose message has no id expects no reply. By default, it gets no `exception` event either.
    if (this.invocation.id === undefined) return !this.options.errors.exceptionEvents;
    if (this.isSent) return false;
    try {
      this.error(this.textOf(exception));
    } catch (reason) {
      // A getter of the exception may throw.
      this.options.onUnsendable(this.invocation, reason);
      this.failInternally(reason);
    }
    return true;
  }

  /** Sends an internal error. The client sees its details only if the option `detailedErrors` is on. */
  failInternally(error: unknown): void {
    this.bug = { error };
    this.fail(INTERNAL_ERROR);
  }

  /** Sends an error with this text. */
  error(text: string): void {
    const { id } = this.invocation;
    if (id !== undefined) this.send(() => this.hub.error(id, text), true);
  }

  /** Sends one item of a stream. */
  item(value: unknown): void {
    const { id } = this.invocation;
    if (id !== undefined) this.send(() => this.hub.item(id, valueIn(this.hub.protocol, value)), false);
  }

  /** Ends the stream. */
  end(): void {
    const { id } = this.invocation;
    if (id !== undefined) this.send(() => this.hub.end(id), true);
  }

  /** Sends a handler's `{ event, data }` as an event to a client that expects no reply. Drops any other result. */
  private event(result: unknown): void {
    if (typeof result !== 'object' || result === null) return;
    this.send(() => {
      if (!('event' in result) || !('data' in result)) return undefined;
      const { event } = result;
      if (typeof event !== 'string') return undefined;
      const data = valueIn(this.hub.protocol, result.data);
      return this.hub.event(event, data === undefined ? [] : [data]);
    }, false);
  }

  /** @param encode returns `undefined` if there is nothing to send. It may throw, because it runs code of the app. */
  private send(encode: () => ClientFrame | undefined, isLast: boolean): void {
    // Encoding would be wasted work, because the frame could not be written.
    if (this.isSent || !this.session.isWritable) return;
    try {
      const frame = encode();
      if (!frame) return;
      this.session.sink.write(frame, false);
      this.isSent = isLast;
    } catch (reason) {
      this.options.onUnsendable(this.invocation, reason);
      this.failInternally(reason);
      this.isSent = true;
    }
  }

  private textOf(exception: unknown): string {
    const { bareErrors: isBare, detailedErrors } = this.options.errors;
    const bug = detailedErrors ? this.bug : undefined;
    return errorText(this.invocation.target, this.part, exception, { isBare, bug });
  }
}
