import { BackplaneError } from '../protocol/backplane.error.js';

/** A command or `invoke` names connections that no server holds. They may have been closed. */
export class ConnectionNotFoundError extends BackplaneError {
  override readonly name = 'ConnectionNotFoundError';
  override readonly code = 'BACKPLANE_CONNECTION_NOT_FOUND';

  constructor(readonly connectionIds: readonly string[]) {
    super(`No server holds the connection ${connectionIds.join(', ')}. It may have been closed.`);
  }
}

/** The server that holds the connection died before it replied. Its connections are closed. */
export class ServerLostError extends BackplaneError {
  override readonly name = 'ServerLostError';
  override readonly code = 'BACKPLANE_SERVER_LOST';

  constructor(readonly serverId: string) {
    super(`The server ${serverId} died before it replied. Its connections are closed.`);
  }
}

/** This server shut down while a command or `invoke` was waiting for other servers. They may have carried it out. */
export class BackplaneClosedError extends BackplaneError {
  override readonly name = 'BackplaneClosedError';
  override readonly code = 'BACKPLANE_CLOSED';

  constructor(call: 'command' | 'invoke' | 'query') {
    super(
      call === 'query'
        ? 'This server shut down before all replies to the query had arrived. Repeat it on another server.'
        : `This server shut down before the ${call} was complete. Other servers may have carried it out. Repeat it on another server if that is safe.`,
    );
  }
}

/** Live servers did not reply to a command in time. They may have carried it out; it is safe to repeat. */
export class CommandTimeoutError extends BackplaneError {
  override readonly name = 'CommandTimeoutError';
  override readonly code = 'BACKPLANE_COMMAND_TIMEOUT';
  override readonly retryable = true;

  constructor(
    readonly serverIds: readonly string[],
    readonly timeoutMs: number,
  ) {
    super(
      `No reply to the command within ${timeoutMs} ms from ${serverIds.join(', ')}. It may have been carried out, and it is safe to repeat.`,
    );
  }
}

/** Another server could not carry out a command, such as a join while it was cut off from Redis. */
export class CommandFailedError extends BackplaneError {
  override readonly name = 'CommandFailedError';
  override readonly code = 'BACKPLANE_COMMAND_FAILED';
  override readonly retryable = true;

  constructor(
    readonly serverId: string,
    /** The error message of that server. */
    readonly reason: string,
  ) {
    super(`The server ${serverId} could not carry out the command: ${reason}`);
  }
}

/** It is unknown whether a user is online, because servers that may hold the user's connections did not reply. */
export class RepliesMissingError extends BackplaneError {
  override readonly name = 'RepliesMissingError';
  override readonly code = 'BACKPLANE_REPLIES_MISSING';
  override readonly retryable = true;

  constructor(readonly serverIds: readonly string[]) {
    super(
      `No server that replied has a connection of the user, but no reply came from ${serverIds.join(', ')}. Ask again later.`,
    );
  }
}

/** The client responded to `invoke` with an error. */
export class ClientResultError extends BackplaneError {
  override readonly name = 'ClientResultError';
  override readonly code = 'BACKPLANE_CLIENT_RESULT';

  constructor(
    readonly connectionId: string,
    /** What the client sent as `error`. */
    readonly error: unknown,
  ) {
    super(`The client ${connectionId} responded with an error: ${shown(error)}`);
  }
}

/** The connection was closed, by either side, before its client responded to `invoke` or before a join was complete. */
export class ConnectionClosedError extends BackplaneError {
  override readonly name = 'ConnectionClosedError';
  override readonly code = 'BACKPLANE_CONNECTION_CLOSED';

  constructor(readonly connectionId: string) {
    super(`The connection ${connectionId} is closed.`);
  }
}

/** The client did not respond to `invoke` in time. A late response is ignored. */
export class InvokeTimeoutError extends BackplaneError {
  override readonly name = 'InvokeTimeoutError';
  override readonly code = 'BACKPLANE_INVOKE_TIMEOUT';

  constructor(
    readonly connectionId: string,
    readonly timeoutMs: number,
  ) {
    super(
      `The client ${connectionId} did not respond within ${timeoutMs} ms. It may still carry out the request.`,
    );
  }
}

/** The caller aborted `invoke` through its signal; `cause` is the signal's reason. */
export class InvokeCanceledError extends BackplaneError {
  override readonly name = 'InvokeCanceledError';
  override readonly code = 'BACKPLANE_INVOKE_CANCELED';

  constructor(cause: unknown) {
    super('The caller canceled the invoke.', { cause });
  }
}

/** The client's response cannot be decoded, or `parse` rejected it; `cause` is the error. */
export class InvalidResultError extends BackplaneError {
  override readonly name = 'InvalidResultError';
  override readonly code = 'BACKPLANE_INVALID_RESULT';

  constructor(
    readonly connectionId: string,
    cause: unknown,
  ) {
    super(`The response of the client ${connectionId} is invalid; see \`cause\`.`, { cause });
  }
}

/** `invoke` was called on a target that is not exactly one connection. */
export class InvokeTargetError extends BackplaneError {
  override readonly name = 'InvokeTargetError';
  override readonly code = 'BACKPLANE_INVOKE_TARGET';

  constructor() {
    super(
      'invoke needs a target of exactly one connection: broadcaster.connection(id).invoke(…). Use invokeAll for several.',
    );
  }
}

/** The message contains the beginning of the error; `error` has all of it. */
const SHOWN_CHARACTERS = 200;

/** Shortens a value from a client for a message. It may be large, or impossible to convert to text. */
function shown(value: unknown): string {
  try {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  } catch {
    return 'a value that cannot be shown';
  }
}
