import type { ClientProtocol } from '../protocol/client-protocol.js';
import type { FrameShape } from '../protocol/dialect.js';

/** An event or a request in the form that plain clients get. */
export interface PlainMessage {
  readonly event: string;
  readonly data?: unknown;
  readonly id?: string;
}

/**
 * Decodes the payload of a plain client's frame.
 *
 * @throws TypeError if it is neither an event nor a request
 */
export function plainMessage(protocol: ClientProtocol, payload: Buffer): PlainMessage {
  const message = protocol.decode(payload);
  if (!isPlainMessage(message)) throw new TypeError('A message of another server is not an event.');
  return message;
}

/** The arguments for the client's method. Their number matters: clients in .NET and Java ignore calls where it differs. */
export function argumentsOf(
  message: { readonly data?: unknown },
  { hasArguments }: FrameShape,
): readonly unknown[] {
  const { data } = message;
  if (hasArguments && Array.isArray(data)) return data as unknown[];
  return data === undefined ? [] : [data];
}

function isPlainMessage(value: unknown): value is PlainMessage {
  if (typeof value !== 'object' || value === null || !('event' in value)) return false;
  return typeof value.event === 'string' && (!('id' in value) || typeof value.id === 'string');
}
