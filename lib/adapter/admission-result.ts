import type { Admission } from '../options/authenticate.js';

/** Whether a client is admitted, and as which user. */
export type AdmissionResult = Admitted | Refusal;

export interface Admitted {
  readonly admitted: true;
  readonly admission: Admission;
}

export interface Refusal {
  readonly admitted: false;
  /** The HTTP status that the client gets. */
  readonly status: number;
  /** Why, for the log; `undefined` if the refusal is not logged. */
  readonly reason: string | undefined;
  /** Set if `authenticate` failed: the server is at fault, not this client. */
  readonly failure: { readonly cause: unknown } | undefined;
}
