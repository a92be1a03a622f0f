import { type ArgumentsHost, Catch } from '@nestjs/common';
import { BaseWsExceptionFilter, type ErrorPayload, WsException } from '@nestjs/websockets';
import { InvalidNameError } from '../protocol/channel-names.js';
import {
  ClientResultError,
  CommandFailedError,
  CommandTimeoutError,
  ConnectionClosedError,
  ConnectionNotFoundError,
  InvalidResultError,
  InvokeCanceledError,
  InvokeTimeoutError,
  ServerLostError,
} from '../routing/request.errors.js';
import {
  MessageTooLargeError,
  NotJoinedError,
  NotPublishedError,
  PublishOutcomeUnknownError,
} from '../routing/routing.errors.js';

/**
 * What a client reads of the error. Not the error's own message, which speaks of Redis and of servers to the people who run
 * them. What only the programmer can cause, such as InvokeTargetError, is not here: it is a bug like any other.
 */
const TEXTS = new Map<abstract new (...args: never[]) => Error, string>([
  [NotJoinedError, 'The group cannot be joined now.'],
  [NotPublishedError, 'Only clients of this server have the message.'],
  [
    PublishOutcomeUnknownError,
    'Clients of this server have the message; whether the others have it is unknown.',
  ],
  [MessageTooLargeError, 'The message is too large.'],
  [InvalidNameError, 'The name must be a non-empty string of at most 4096 bytes.'],
  [ConnectionNotFoundError, 'There is no such connection.'],
  [ConnectionClosedError, 'The other client has left.'],
  [ServerLostError, 'The other client has left.'],
  [ClientResultError, 'The other client answered with an error.'],
  [InvalidResultError, 'The other client sent an invalid reply.'],
  [InvokeCanceledError, 'The request to the other client was canceled.'],
  [InvokeTimeoutError, 'The other client did not answer in time.'],
  [CommandTimeoutError, 'Another server did not answer in time.'],
  [CommandFailedError, 'Another server could not carry out the command.'],
]);

/** The data of the `exception` that {@link BackplaneExceptionFilter} sends. */
export interface BackplaneExceptionPayload extends ErrorPayload<Record<string, unknown>> {
  /** The error's name, such as `NotJoinedError`, for a client that decides by it. */
  readonly error: string;
}

/**
 * Tells a client why a handler failed, where a call on the backplane rejected and the handler let it through: the client
 * gets `exception` with `{ status: 'error', error: 'NotJoinedError', message, cause }`, or that as the error of its frame
 * with an `id`.
 *
 * Every gateway does so without it. Use it to change what clients read:
 *
 * ```ts
 * class GermanFilter extends BackplaneExceptionFilter {
 *   protected override messageOf(error: Error) { … }
 * }
 *
 * @UseFilters(GermanFilter)
 * @WebSocketGateway({ path: '/chat' })
 * export class ChatGateway {}
 * ```
 */
@Catch(...TEXTS.keys())
export class BackplaneExceptionFilter extends BaseWsExceptionFilter<Error> {
  override catch(error: Error, host: ArgumentsHost): void {
    const ws = host.switchToWs();
    const { includeCause, causeFactory } = this.options;
    const told: BackplaneExceptionPayload = {
      status: 'error',
      error: error.name,
      message: this.messageOf(error),
      ...(includeCause && { cause: causeFactory?.(ws.getPattern(), ws.getData()) }),
    };
    super.catch(new WsException(told), host);
  }

  /** The text for the client. Override it to speak the app's language. */
  protected messageOf(error: Error): string {
    for (const [type, text] of TEXTS) if (error instanceof type) return text;
    return error.message;
  }
}

/** Whether the error is one of those that {@link BackplaneExceptionFilter} tells. */
export function isForClients(error: unknown): error is Error {
  for (const type of TEXTS.keys()) if (error instanceof type) return true;
  return false;
}
