const INTERNAL_SERVER_ERROR = 500;

/** What an `HttpException` says to a client. */
export interface HttpFailure {
  /** The exception's name, such as `BadRequestException`. */
  readonly error: string;
  /** What its response has as message: a text, or a list as ValidationPipe makes it. */
  readonly message: string | readonly unknown[];
  readonly statusCode: number;
}

interface HttpExceptionLike {
  readonly name?: unknown;
  readonly message?: unknown;
  getStatus(): unknown;
  getResponse?(): unknown;
}

/** Reads an `HttpException`, also one of another copy of `@nestjs/common`; `undefined` for any other error. */
export function readHttpFailure(error: unknown): HttpFailure | undefined {
  try {
    if (!isHttpException(error)) return undefined;
    const statusCode = error.getStatus();
    if (typeof statusCode !== 'number' || !Number.isInteger(statusCode)) return undefined;
    const name = typeof error.name === 'string' && error.name !== '' ? error.name : 'HttpException';
    return { error: name, message: messageOf(error.getResponse?.()) ?? messageOf(error) ?? name, statusCode };
  } catch {
    // An app's own object of this shape may throw in its methods, which is a bug like any other.
    return undefined;
  }
}

/** The server's own fault, whatever it tells its client. */
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

/** Of a response `'text'` or `{ message }`, or of the exception itself. */
function messageOf(source: unknown): string | readonly unknown[] | undefined {
  const message =
    typeof source === 'object' && source !== null ? (source as { message?: unknown }).message : source;
  return typeof message === 'string' || Array.isArray(message) ? message : undefined;
}
