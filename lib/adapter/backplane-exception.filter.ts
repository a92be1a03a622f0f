import { inspect } from 'node:util';
import { type ArgumentsHost, Catch, IntrinsicException } from '@nestjs/common';
import { BaseWsExceptionFilter, type ErrorPayload, WsException } from '@nestjs/websockets';
import { ClientConnection } from '../broadcast/client-connection.js';
import { INTERNAL_ERROR } from '../broadcast/exception-payload.js';
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
import { foreignLog } from './gateway-hooks.js';
import { isServerFault, readHttpFailure } from './http-failure.js';
import { Reply } from './reply.js';

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
 * Every gateway does this by default. Extend the filter to change the texts:
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
 *
 * A subclass with `@Catch()` gets every error. Its `super.catch(error, host)` does what happens without a filter:
 *
 * - `WsException`: the client gets its content, as in Nest
 * - an error of the backplane that concerns the client: see above
 * - `HttpException`: the client gets its message and status; a status of 500 or above is also logged
 * - anything else is a bug: the client gets "Internal server error", and the log gets the stack
 *
 * ```ts
 * @Catch()
 * class CountingFilter extends BackplaneExceptionFilter {
 *   override catch(error: unknown, host: ArgumentsHost) {
 *     failures.inc();
 *     super.catch(error, host);
 *   }
 * }
 * ```
 */
@Catch(...TEXTS.keys())
export class BackplaneExceptionFilter extends BaseWsExceptionFilter<unknown> {
  override catch(error: unknown, host: ArgumentsHost): void {
    if (error instanceof WsException) return super.catch(error, host);
    if (isForClients(error)) {
      const payload: BackplaneExceptionPayload = {
        status: 'error',
        error: error.name,
        message: this.messageOf(error),
      };
      return this.send(payload, host);
    }
    const failure = readHttpFailure(error);
    if (failure ? isServerFault(failure) : !(error instanceof IntrinsicException)) logBug(error, host);
    if (!failure) Reply.noteBug(error);
    this.send(failure ? { status: 'error', ...failure } : INTERNAL_ERROR, host);
  }

  /** Returns the text for the client. Override it to translate the texts. */
  protected messageOf(error: Error): string {
    for (const [type, text] of TEXTS) if (error instanceof type) return text;
    return error.message;
  }

  private send(payload: object, host: ArgumentsHost): void {
    const { includeCause, causeFactory } = this.options;
    const ws = host.switchToWs();
    const cause = includeCause ? { cause: causeFactory?.(ws.getPattern(), ws.getData()) } : undefined;
    super.catch(new WsException({ ...payload, ...cause }), host);
  }
}

/** Whether the error concerns the client whose message failed, so that it has a text for clients. */
function isForClients(error: unknown): error is Error {
  for (const type of TEXTS.keys()) if (error instanceof type) return true;
  return false;
}

function logBug(error: unknown, host: ArgumentsHost): void {
  const ws = host.switchToWs();
  // The argument of `@SubscribeMessage()`, so a client cannot choose it. A hook has no pattern.
  const pattern: unknown = ws.getPattern();
  const what = typeof pattern === 'string' ? `The handler of '${pattern}'` : 'A gateway';
  const isPlainObject = typeof error === 'object' && error !== null && !(error instanceof Error);
  const client = ws.getClient<unknown>();
  const log = client instanceof ClientConnection ? client.log : foreignLog;
  log.error(what, `${what} failed`, isPlainObject ? shown(error) : error);
}

/** Shortens a thrown object for the log. It may be of any size, and its own code may throw. */
function shown(value: object): string {
  try {
    return inspect(value, { depth: 1, breakLength: Infinity, maxArrayLength: 10, maxStringLength: 200 });
  } catch {
    return 'an object that cannot be shown';
  }
}
