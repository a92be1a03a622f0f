const UNSHOWABLE = 'a value that cannot be shown';

/** The message of anything that was thrown. Never throws, although `String` does for some objects. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return UNSHOWABLE;
  }
}

/** The name and the message of anything that was thrown. Never throws. */
export function nameAndMessageOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return UNSHOWABLE;
  }
}

/** The message as a sentence, with a period at its end. */
export function sentence(message: string): string {
  return /[.!?]$/.test(message) ? message : `${message}.`;
}

/** Anything that was thrown, as an Error. Never throws. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown), { cause: thrown });
}

/** The stack of anything that was thrown, or `undefined` if it has none. Never throws. */
export function stackOf(thrown: unknown): string | undefined {
  try {
    const stack: unknown = thrown instanceof Error ? thrown.stack : undefined;
    return typeof stack === 'string' ? stack : undefined;
  } catch {
    return undefined;
  }
}
