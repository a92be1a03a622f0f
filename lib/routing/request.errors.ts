/** A command or an invoke names connections that no server holds. They may have been closed. */
export class ConnectionNotFoundError extends Error {
  override readonly name = 'ConnectionNotFoundError';

  constructor(readonly connectionIds: readonly string[]) {
    super(`There is no connection ${connectionIds.join(', ')}.`);
  }
}

/** The server that holds the connection died before it answered. Its connections are closed. */
export class ServerLostError extends Error {
  override readonly name = 'ServerLostError';

  constructor(readonly serverId: string) {
    super(`The server ${serverId} was lost before it answered.`);
  }
}

/** This server shut down while a command or an invoke waited for other servers. Whether they have done it is unknown. */
export class BackplaneClosedError extends Error {
  override readonly name = 'BackplaneClosedError';

  constructor(call: 'command' | 'invoke') {
    super(
      `This server shut down before the ${call} was answered. Other servers may have carried it out; repeat it on another server if that is safe.`,
    );
  }
}

/** Servers that are alive did not answer a command in time. Whether they did it is unknown; it is safe to repeat. */
export class CommandTimeoutError extends Error {
  override readonly name = 'CommandTimeoutError';

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
export class CommandFailedError extends Error {
  override readonly name = 'CommandFailedError';

  constructor(
    readonly serverId: string,
    /** What that server says. */
    readonly reason: string,
  ) {
    super(`The server ${serverId} could not do it: ${reason}`);
  }
}

/** The client answered an invoke with an error. */
export class ClientResultError extends Error {
  override readonly name = 'ClientResultError';

  constructor(
    readonly connectionId: string,
    /** What the client sent as `error`. */
    readonly error: unknown,
  ) {
    super(`The client ${connectionId} answered with an error: ${shown(error)}`);
  }
}

/** The connection was closed, by either side: before its client answered an invoke, or before a join was done. */
export class ConnectionClosedError extends Error {
  override readonly name = 'ConnectionClosedError';

  constructor(readonly connectionId: string) {
    super(`The connection ${connectionId} is closed.`);
  }
}

/** The client did not answer an invoke in time. A late answer is ignored. */
export class InvokeTimeoutError extends Error {
  override readonly name = 'InvokeTimeoutError';

  constructor(
    readonly connectionId: string,
    readonly timeoutMs: number,
  ) {
    super(`The client ${connectionId} did not answer within ${timeoutMs} ms.`);
  }
}

/** The caller gave an invoke up through its signal; `cause` is the signal's reason. */
export class InvokeCanceledError extends Error {
  override readonly name = 'InvokeCanceledError';

  constructor(cause: unknown) {
    super('The invoke was canceled by its caller.', { cause });
  }
}

/** The client's answer is not what `parse` takes; `cause` is what it threw. */
export class InvalidResultError extends Error {
  override readonly name = 'InvalidResultError';

  constructor(
    readonly connectionId: string,
    cause: unknown,
  ) {
    super(`The client ${connectionId} gave an answer of the wrong form.`, { cause });
  }
}

/** `invoke` was called on a target that is not exactly one connection. */
export class InvokeTargetError extends TypeError {
  override readonly name = 'InvokeTargetError';

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
