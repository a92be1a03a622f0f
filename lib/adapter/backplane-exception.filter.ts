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
 * The texts that clients get. The errors' own messages are for operators: they mention Redis and server ids. Errors that
 * only a bug in the app can cause, such as InvokeTargetError, are missing here, so they are handled like any other bug.
 */
const TEXTS = new Map<abstract new (...args: never[]) => Error, string>([
  [NotJoinedError, 'The group cannot be joined now.'],
  [NotPublishedError, 'Only clients of this server received the message.'],
  [
    PublishOutcomeUnknownError,
    'Clients of this server received the message. It is unknown whether other clients did.',
  ],
  [MessageTooLargeError, 'The message is too large.'],
  [InvalidNameError, 'The name must be a non-empty string of at most 4096 bytes.'],
  [ConnectionNotFoundError, 'There is no such connection.'],
  [ConnectionClosedError, 'The other client has disconnected.'],
  [ServerLostError, 'The other client has disconnected.'],
  [ClientResultError, 'The other client responded with an error.'],
  [InvalidResultError, 'The other client sent an invalid response.'],
  [InvokeCanceledError, 'The request to the other client was canceled.'],
  [InvokeTimeoutError, 'The other client did not respond in time.'],
  [CommandTimeoutError, 'Another server did not reply in time.'],
  [CommandFailedError, 'Another server could not carry out the command.'],
]);

/** The data of the `exception` that {@link BackplaneExceptionFilter} sends. */
export interface BackplaneExceptionPayload extends ErrorPayload<Record<string, unknown>> {
  /** The error's name, such as `NotJoinedError`. Clients can match on it. */
  readonly error: string;
}

/**
 * Tells the client why its message failed if a handler throws an error of the backplane, such as the `NotJoinedError` of
 * `client.join()`. The client gets an `exception` message with `{ status: 'error', error: 'NotJoinedError', message, cause }`.
 * If it sent its frame with an `id`, it gets that object as the `error` of the reply instead.
 *
 * Every gateway does this by default. Extend the filter only to change the texts:
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
    const payload: BackplaneExceptionPayload = {
      status: 'error',
      error: error.name,
      message: this.messageOf(error),
      ...(includeCause && { cause: causeFactory?.(ws.getPattern(), ws.getData()) }),
    };
    super.catch(new WsException(payload), host);
  }

  /** Returns the text for the client. Override it to translate the texts. */
  protected messageOf(error: Error): string {
    for (const [type, text] of TEXTS) if (error instanceof type) return text;
    return error.message;
  }
}

/** Whether {@link BackplaneExceptionFilter} handles the error. */
export function isForClients(error: unknown): error is Error {
  for (const type of TEXTS.keys()) if (error instanceof type) return true;
  return false;
}
