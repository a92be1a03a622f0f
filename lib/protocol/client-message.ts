/** The maximum length of the `id` of a client's frame. The reply echoes it, so it must not inflate replies. */
const MAX_ID_BYTES = 64;

export type FrameId = string | number;

/** A client's frame, classified: an event, the response to an invocation, or invalid. */
export type ClientMessage =
  | {
      readonly kind: 'event';
      readonly event: unknown;
      readonly data: unknown;
      readonly id: FrameId | undefined;
    }
  | {
      readonly kind: 'response';
      readonly id: string;
      readonly outcome: 'data' | 'error';
      readonly value: unknown;
    }
  | { readonly kind: 'invalid'; readonly reason: string };

/**
 * Classifies a decoded frame. `{ event, data }` is an event, with an `id` if the client expects a reply. `{ id, data }`
 * and `{ id, error }` are the client's response to an invocation.
 */
export function readClientMessage(frame: unknown): ClientMessage {
  if (typeof frame !== 'object' || frame === null)
    return invalid('A message must be an object { "event", "data" }.');
  const { event, data, id, error } = frame as Partial<Record<'event' | 'data' | 'id' | 'error', unknown>>;
  if (id !== undefined && !isFrameId(id)) {
    return invalid(`An id must be a string or an integer of at most ${MAX_ID_BYTES} bytes.`);
  }
  if (event !== undefined) return { kind: 'event', event, data, id };
  if (id === undefined) return invalid('A message must have the form { "event", "data" }.');
  // The ids of our requests are strings.
  if (error !== undefined) return { kind: 'response', id: String(id), outcome: 'error', value: error };
  return { kind: 'response', id: String(id), outcome: 'data', value: data ?? null };
}

function isFrameId(id: unknown): id is FrameId {
  return typeof id === 'number'
    ? Number.isSafeInteger(id)
    : typeof id === 'string' && Buffer.byteLength(id) <= MAX_ID_BYTES;
}

function invalid(reason: string): ClientMessage {
  return { kind: 'invalid', reason };
}
