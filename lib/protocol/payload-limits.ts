/** The complexity that a client's message may have, in addition to the limit on its bytes. */
export interface PayloadLimits {
  /** The maximum nesting depth of arrays and objects. The frame `{ event, data }` itself is the first level. */
  readonly maxDepth: number;
  /** The maximum number of array elements and object members, on all levels together. */
  readonly maxElements: number;
}

/** No limits, for payloads that another server has already checked against its own. Malformed bytes are still found. */
export const NO_PAYLOAD_LIMITS: PayloadLimits = { maxDepth: Infinity, maxElements: Infinity };

/**
 * Why a message must not be decoded. `malformed`: a header claims more than the bytes can contain. `key`: an object has the
 * key `__proto__`.
 */
export type PayloadProblem = 'malformed' | 'depth' | 'elements' | 'key';
