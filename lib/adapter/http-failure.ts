const INTERNAL_SERVER_ERROR = 500;

/** What a client gets for an `HttpException`. */
export interface HttpFailure {
  /** The exception's name, such as `BadRequestException`. */
  readonly error: string;
  /** The message of its response: a text, or a list if ValidationPipe created it. */
  readonly message: string | readonly unknown[];
  readonly statusCode: number;
}

interface HttpExceptionLike {
  readonly name?: unknown;
  readonly message?: unknown;
  getStatus(): unknown;
  getResponse?(): unknown;
}

/** Reads an `HttpException`, even one from another copy of `@nestjs/common`. Returns `undefined` for any other error. */
export function readHttpFailure(error: unknown): HttpFailure | undefined {
  try {
    if (!isHttpException(error)) return undefined;
    const statusCode = error.getStatus();
    if (typeof statusCode !== 'number' || !Number.isInteger(statusCode)) return undefined;
    const name = typeof error.name === 'string' && error.name !== '' ? error.name : 'HttpException';
    return { error: name, message: messageOf(error.getResponse?.()) ?? messageOf(error) ?? name, statusCode };
  } catch {
    // An object of the app may have these methods, and they may throw. It is handled like any other bug.
    return undefined;
  }
}

/** Whether the failure is the server's fault and must be logged: a status of 500 or above. */
export function isServerFault({ statusCode }: HttpFailure): boolean {
  return statusCode >= INTERNAL_SERVER_ERROR;
}

function isHttpException(error: unknown): error is HttpExceptionLike {
  return (
    typeof error === 'object' &&
    error !== null &&
    typeof (error as Partial<HttpExceptionLike>).getStatus === 'function'
  );
}

/** Reads the message of a response `'text'` or `{ message }`, or of the exception itself. */
function messageOf(source: unknown): string | readonly unknown[] | undefined {
  const message =
    typeof source === 'object' && source !== null ? (source as { message?: unknown }).message : source;
  return typeof message === 'string' || Array.isArray(message) ? message : undefined;
}
