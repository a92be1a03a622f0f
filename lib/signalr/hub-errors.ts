import { INTERNAL_ERROR } from '../broadcast/exception-payload.js';
import { nameAndMessageOf } from '../protocol/thrown.js';

/** The message of the exception that Nest throws if a guard refuses. */
const FORBIDDEN = 'Forbidden resource';

/** The error texts of ASP.NET Core. They must match, because some apps compare them. */
export const HubErrors = {
  unknownMethod: (target: string): string => `Unknown hub method '${target}'`,
  idInUse: (id: string): string => `Invocation ID '${id}' is already in use.`,
  tooManyStreams: (limit: number): string => `A connection may have ${limit} streams at once.`,
  notStreaming: (target: string): string =>
    `The client attempted to invoke the non-streaming '${target}' method with a streaming invocation.`,
  streaming: (target: string): string =>
    `The client attempted to invoke the streaming '${target}' method with a non-streaming invocation.`,
  missingUploads: (sent: number, expected: number): string =>
    `Client sent ${sent} stream(s), Hub method expects ${expected}.`,
  closed: 'Connection closed with an error.',
  sequence: "Sequence ID greater than amount of messages we've received.",
} as const;

/** What failed: the call to a handler, or the stream that the handler returned. */
export type FailedPart = 'call' | 'stream';

/** How much a client learns about an error. */
export interface ErrorStyle {
  /** Whether a `WsException`'s text has no sentence before it. */
  readonly isBare: boolean;
  /** The error behind an internal error; `undefined` if the client must not see it. */
  readonly bug: { readonly error: unknown } | undefined;
}

/** The text that a client gets for an exception that a filter emitted. */
export function errorText(
  target: string,
  part: FailedPart,
  exception: unknown,
  { isBare, bug }: ErrorStyle,
): string {
  const text = textOf(exception);
  if (text === FORBIDDEN) return `Failed to invoke '${target}' because user is unauthorized`;
  const sentence =
    part === 'call'
      ? `An unexpected error occurred invoking '${target}' on the server.`
      : 'An error occurred on the server while streaming results.';
  if (text === undefined) return bug ? `${sentence} ${nameAndMessageOf(bug.error)}` : sentence;
  return isBare ? text : `${sentence} HubException: ${text}`;
}

/** `undefined` for an internal error, whose details the client must not see. */
function textOf(exception: unknown): string | undefined {
  if (typeof exception === 'string') return exception;
  if (typeof exception !== 'object' || exception === null) return String(exception);
  const { message } = exception as { readonly message?: unknown };
  if (message === INTERNAL_ERROR.message) return undefined;
  if (typeof message === 'string') return message;
  return shown(message, exception);
}

/** `undefined` if the exception cannot be written as JSON. */
function shown(message: unknown, exception: object): string | undefined {
  try {
    // ValidationPipe throws an exception with an array of messages.
    return Array.isArray(message) ? message.join(', ') : JSON.stringify(exception);
  } catch {
    return undefined;
  }
}
