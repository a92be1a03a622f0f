import { BackplaneError } from '../protocol/backplane.error.js';

/** A command or an invoke names connections that no server holds. They may have been closed. */
export class ConnectionNotFoundError extends BackplaneError {
  override readonly name = 'ConnectionNotFoundError';
  override readonly code = 'BACKPLANE_CONNECTION_NOT_FOUND';

  constructor(readonly connectionIds: readonly string[]) {
    super(`There is no connection ${connectionIds.join(', ')} on any server. It may have been closed.`);
  }
}

/** The server that holds the connection died before it answered. Its connections are closed. */
export class ServerLostError extends BackplaneError {
  override readonly name = 'ServerLostError';
  override readonly code = 'BACKPLANE_SERVER_LOST';

  constructor(readonly serverId: string) {
    super(`The server ${serverId} was lost before it answered. Its connections are closed.`);
  }
}

/** This server shut down while a command or an invoke waited for other servers. Whether they have done it is unknown. */
export class BackplaneClosedError extends BackplaneError {
  override readonly name = 'BackplaneClosedError';
  override readonly code = 'BACKPLANE_CLOSED';

  constructor(call: 'command' | 'invoke') {
    super(
      `This server shut down before the ${call} was answered. Other servers may have carried it out; repeat it on another server if that is safe.`,
    );
  }
}

/** Servers that are alive did not answer a command in time. Whether they did it is unknown; it is safe to repeat. */
export class CommandTimeoutError extends BackplaneError {
  override readonly name = 'CommandTimeoutError';
  override readonly code = 'BACKPLANE_COMMAND_TIMEOUT';
  override readonly retryable = true;

  constructor(
    readonly serverIds: readonly string[],
    readonly timeoutMs: number,
  ) {
    super(
      `No answer within ${timeoutMs} ms from ${serverIds.join(', ')}. The command may have been done; it is safe to repeat.`,
    );
  }
}

/** Another server could not do what a command asked, such as join a group while it was cut off from Redis. */
export class CommandFailedError extends BackplaneError {
  override readonly name = 'CommandFailedError';
  override readonly code = 'BACKPLANE_COMMAND_FAILED';
  override readonly retryable = true;

  constructor(
    readonly serverId: string,
    /** What that server says. */
    readonly reason: string,
  ) {
    super(`The server ${serverId} could not carry out the command: ${reason}`);
  }
}

/** The client answered an invoke with an error. */
export class ClientResultError extends BackplaneError {
  override readonly name = 'ClientResultError';
  override readonly code = 'BACKPLANE_CLIENT_RESULT';

  constructor(
    readonly connectionId: string,
    /** What the client sent as `error`. */
    readonly error: unknown,
  ) {
    super(`The client ${connectionId} answered with an error: ${shown(error)}`);
  }
}

/** The connection was closed, by either side: before its client answered an invoke, or before a join was done. */
export class ConnectionClosedError extends BackplaneError {
  override readonly name = 'ConnectionClosedError';
  override readonly code = 'BACKPLANE_CONNECTION_CLOSED';

  constructor(readonly connectionId: string) {
    super(`The connection ${connectionId} is closed.`);
  }
}

/** The client did not answer an invoke in time. A late answer is ignored. */
export class InvokeTimeoutError extends BackplaneError {
  override readonly name = 'InvokeTimeoutError';
  override readonly code = 'BACKPLANE_INVOKE_TIMEOUT';

  constructor(
    readonly connectionId: string,
    readonly timeoutMs: number,
  ) {
    super(
      `The client ${connectionId} did not answer within ${timeoutMs} ms. It may still carry out what it was asked.`,
    );
  }
}

/** The caller gave an invoke up through its signal; `cause` is the signal's reason. */
export class InvokeCanceledError extends BackplaneError {
  override readonly name = 'InvokeCanceledError';
  override readonly code = 'BACKPLANE_INVOKE_CANCELED';

  constructor(cause: unknown) {
    super('The invoke was canceled by its caller.', { cause });
  }
}

/** The client's answer is not what `parse` takes; `cause` is what it threw. */
export class InvalidResultError extends BackplaneError {
  override readonly name = 'InvalidResultError';
  override readonly code = 'BACKPLANE_INVALID_RESULT';

  constructor(
    readonly connectionId: string,
    cause: unknown,
  ) {
    super(`The client ${connectionId} gave an answer that cannot be read, or that \`parse\` refuses.`, {
      cause,
    });
  }
}

/** `invoke` was called on a target that is not exactly one connection. */
export class InvokeTargetError extends BackplaneError {
  override readonly name = 'InvokeTargetError';
  override readonly code = 'BACKPLANE_INVOKE_TARGET';

  constructor() {
    super(
      'invoke asks exactly one connection: broadcaster.connection(id).invoke(…). To ask several, use invokeAll.',
    );
  }
}

/** Enough to recognise it; the whole of it is in `error`. */
const SHOWN_CHARACTERS = 200;

/** What a client sent may be large, or have no form as text. */
function shown(value: unknown): string {
  try {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  } catch {
    return 'a value that cannot be shown';
  }
}
