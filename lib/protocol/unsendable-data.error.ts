import { BackplaneError } from './backplane.error.js';
import { messageOf } from './thrown.js';

/** A client protocol cannot represent the data of a message, such as a circular object in JSON. `cause` says why. */
export class UnsendableDataError extends BackplaneError {
  override readonly name = 'UnsendableDataError';
  override readonly code = 'BACKPLANE_UNSENDABLE_DATA';

  constructor(
    /** The client protocol, such as `json`. */
    readonly protocol: string,
    cause: unknown,
  ) {
    super(
      `The data cannot be sent as ${protocol}: ${messageOf(cause)}. Send plain objects, arrays, strings, numbers and booleans.`,
      { cause },
    );
  }
}
