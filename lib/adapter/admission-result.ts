import type { LimitedLog } from '../broadcast/limited-log.js';
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
  /** The reason, for the log; `undefined` if the refusal is not logged. */
  readonly reason: string | undefined;
  /** Set if `authenticate` failed: the server is at fault, not this client. */
  readonly failure: { readonly cause: unknown } | undefined;
}

/** Logs why a client was refused, unless the refusal has no reason to log. */
export function logRefusal(log: LimitedLog, path: string, { status, reason, failure }: Refusal): void {
  if (failure) log.error('failed', `authenticate failed for a client of ${path}`, failure.cause);
  else if (reason !== undefined) log.warn(`refused ${status}`, `A client of ${path} was refused: ${reason}`);
}
