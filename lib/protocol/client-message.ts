/** The largest `id` of a client's frame: it is echoed as it came, so it must not be a way to be sent much. */
const MAX_ID_BYTES = 64;

export type FrameId = string | number;

/** What a client's frame turns out to be. */
export type ClientMessage =
  | {
      readonly kind: 'event';
      readonly event: unknown;
      readonly data: unknown;
      readonly id: FrameId | undefined;
    }
  | {
      readonly kind: 'answer';
      readonly id: string;
      readonly outcome: 'data' | 'error';
      readonly value: unknown;
    }
  | { readonly kind: 'invalid'; readonly reason: string };

/**
 * Reads a decoded frame: `{ event, data }`, with an `id` where the client wants an answer; or `{ id, data }` or
 * `{ id, error }`, the client's answer to an ask of ours.
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
  // Our ids are strings.
  if (error !== undefined) return { kind: 'answer', id: String(id), outcome: 'error', value: error };
  return { kind: 'answer', id: String(id), outcome: 'data', value: data ?? null };
}

function isFrameId(id: unknown): id is FrameId {
  return typeof id === 'number'
    ? Number.isSafeInteger(id)
    : typeof id === 'string' && Buffer.byteLength(id) <= MAX_ID_BYTES;
}

function invalid(reason: string): ClientMessage {
  return { kind: 'invalid', reason };
}
