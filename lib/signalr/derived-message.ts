import type { ClientProtocol } from '../protocol/client-protocol.js';
import type { FrameShape } from '../protocol/dialect.js';

/** An event or a request, as a plain client gets it. */
export interface PlainMessage {
  readonly event: string;
  readonly data?: unknown;
  readonly id?: string;
}

/** @throws TypeError if it is neither an event nor a request */
export function plainMessage(protocol: ClientProtocol, payload: Buffer): PlainMessage {
  const message = protocol.decode(payload);
  if (!isPlainMessage(message)) throw new TypeError('A message of another server is not an event.');
  return message;
}

/** The arguments of the client's method. Clients in .NET and Java accept no others than those that the method has. */
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
