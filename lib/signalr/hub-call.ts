import { WsException, type MessageMappingProperties } from '@nestjs/websockets';
import { isObservable } from 'rxjs';
import { exceptionOf, isAsyncIterable } from '../adapter/async-items.js';
import { discard } from '../adapter/discard.js';
import { MessageContext } from '../adapter/message-context.js';
import { failingWithin } from '../adapter/nest-stream.js';
import type { Session } from '../adapter/session.js';
import { HubErrors } from './hub-errors.js';
import type { HubInvocation } from './hub-message.js';
import { HubReply } from './hub-reply.js';
import { sendItems, sendValues, untilCanceled } from './hub-streams.js';
import type { Upload } from './upload.js';

/** A client's call to a handler. It ends when the result has been sent or the stream has ended. */
export class HubCall extends MessageContext {
  private readonly controller = new AbortController();
  readonly signal: AbortSignal = this.controller.signal;

  constructor(
    private readonly session: Session,
    private readonly invocation: HubInvocation,
    private readonly uploads: readonly Upload[],
    private readonly reply: HubReply,
    private readonly failed: (invocation: HubInvocation, error: unknown) => void,
    private readonly ended: () => void,
  ) {
    super();
  }

  get args(): readonly unknown[] {
    return this.invocation.args;
  }

  override upload(index: number): AsyncIterable<unknown> {
    const upload = this.uploads[index];
    if (!upload) throw new WsException(HubErrors.missingUploads(this.uploads.length, index + 1));
    return upload;
  }

  /** Called when the client no longer needs the result, or has disconnected. */
  cancel(): void {
    this.controller.abort();
  }

  /** Runs the handler. Resolves when it has ended or its stream to the client has begun. Never rejects. */
  async run(): Promise<void> {
    const { invocation, session } = this;
    const handler = session.handler(invocation.target) ?? session.handlerIgnoringCase(invocation.target);
    if (!handler) {
      this.reply.error(HubErrors.unknownMethod(invocation.target));
      return this.end();
    }
    try {
      const result = await this.reply.run(() => this.call(handler));
      const stream = this.streamOf(result);
      // Not awaited, so that the client's next messages do not wait for the stream to end.
      if (stream) return void this.reply.run(stream).finally(() => this.end());
      await this.reply.run(() => this.answer(handler, result));
    } catch (error) {
      this.fail(error);
    }
    this.end();
  }

  private call({ callback, isAckHandledManually, message }: MessageMappingProperties): Promise<unknown> {
    const acknowledge = (value: unknown): void => this.reply.result(value);
    // Nest passes extra arguments on to the handler.
    const call = callback as (...args: unknown[]) => Promise<unknown>;
    return call(dataOf(this.args), isAckHandledManually ? acknowledge : message, this);
  }

  /** Returns a function that sends the handler's stream; `undefined` if the client wants none, or the result is not one. */
  private streamOf(result: unknown): (() => Promise<void>) | undefined {
    if (!this.invocation.isStream || !this.reply.isOpen) return undefined;
    const { session, reply, signal } = this;
    const call = { session, reply, signal, failed: (error: unknown) => this.fail(error) };
    reply.part = 'stream';
    if (isObservable(result)) return () => sendValues(result, call);
    if (isAsyncIterable(result)) return () => sendItems(result, call);
    reply.error(HubErrors.notStreaming(this.invocation.target));
    return undefined;
  }

  private async answer({ isAckHandledManually }: MessageMappingProperties, result: unknown): Promise<void> {
    const { reply, session } = this;
    let last = result;
    if (isObservable(result)) {
      last = undefined;
      // Without an id, each value is sent as its own message, as for plain clients.
      const isEach = this.invocation.id === undefined;
      await session.follow(untilCanceled(failingWithin(reply, result), this.signal), {
        next: (value) => {
          if (isAsyncIterable(value)) this.refuseStream(value);
          else if (isEach) reply.result(value);
          else last = value;
        },
        error: (error) => this.fail(error),
        complete: () => undefined,
      });
    }
    if (isAsyncIterable(last)) this.refuseStream(last);
    else if (!isAckHandledManually) reply.result(last);
  }

  /** The client has asked for a single result. */
  private refuseStream(items: AsyncIterable<unknown>): void {
    discard(items);
    this.reply.error(HubErrors.streaming(this.invocation.target));
  }

  /** Handles an error that did not pass Nest's exception filters: thrown by a filter or an async iterable. */
  private fail(error: unknown): void {
    const exception = exceptionOf(error);
    if (exception === undefined) this.failed(this.invocation, error);
    else this.reply.fail(exception);
  }

  private end(): void {
    // A stream also ends because its client has begun to disconnect.
    if (!this.session.open) this.cancel();
    for (const upload of this.uploads) upload.discard();
    this.ended();
  }
}

/** The data for Nest: `undefined` without arguments, a single argument as it is, several as an array. */
function dataOf(args: readonly unknown[]): unknown {
  return args.length > 1 ? args : args[0];
}
