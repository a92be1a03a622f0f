/** How complex a client's message may be, apart from its size in bytes. */
export interface PayloadLimits {
  /** Levels of arrays and objects inside each other; the frame `{ event, data }` itself is the first. */
  readonly maxDepth: number;
  /** Elements of arrays and members of objects, all levels together. */
  readonly maxElements: number;
}

/** Only what the bytes can hold: for what another server has checked against its own limits. */
export const NO_PAYLOAD_LIMITS: PayloadLimits = { maxDepth: Infinity, maxElements: Infinity };

/** Why a message is not decoded. `malformed`: its bytes cannot hold what they claim. */
export type PayloadProblem = 'malformed' | 'depth' | 'elements';
