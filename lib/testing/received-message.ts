import type { ClientProtocol } from '../protocol/client-protocol.js';

/** A message that a test client has received. */
export interface ReceivedMessage {
  /** Absent if a handler returned something other than `{ event, data }`; `data` is all of it then. */
  readonly event?: string;
  readonly data?: unknown;
  /** Present if the server waits for a response, as with `invoke`. */
  readonly id?: string | number;
}

/** What a server sends: a message, or the reply to an invocation of the client. */
export interface Frame extends ReceivedMessage {
  readonly error?: unknown;
}

/** Decodes a frame. What is not one, such as bytes that the app has sent on the socket itself, becomes its `data`. Never throws. */
export function readFrame(protocol: ClientProtocol, bytes: Buffer): Frame {
  try {
    const frame = protocol.decode(bytes);
    return isFrame(frame) ? frame : { data: frame };
  } catch {
    return { data: protocol.binary ? bytes : bytes.toString() };
  }
}

function isFrame(value: unknown): value is Frame {
  if (typeof value !== 'object' || value === null) return false;
  const { event, id } = value as Partial<Record<'event' | 'id', unknown>>;
  return (
    typeof event === 'string' || (event === undefined && (typeof id === 'string' || typeof id === 'number'))
  );
}
