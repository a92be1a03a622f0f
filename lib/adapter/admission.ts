import type { IncomingMessage } from 'node:http';
import { HttpException } from '@nestjs/common';
import type { Admission, ResolvedEdge } from '../options/edge-options.js';
import { checkName } from '../protocol/channel-names.js';
import type { TimeLimits } from './time-limits.js';

export type AdmissionResult =
  | { readonly admitted: true; readonly admission: Admission }
  | { readonly admitted: false; readonly status: number; readonly cause: Error | undefined };

/** Where nobody is asked, everybody comes in. */
const OPEN_DOOR: AdmissionResult = { admitted: true, admission: {} };
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;

/** Whether the client may come in, and as whom: at once, or a promise where the app is asked, which never rejects. */
export function admit(
  edge: ResolvedEdge,
  request: IncomingMessage,
  path: string,
  limits: TimeLimits,
): AdmissionResult | Promise<AdmissionResult> {
  const { origin } = request.headers;
  if (origin !== undefined && edge.allowedOrigins && !edge.allowedOrigins.has(origin)) {
    return refused(FORBIDDEN, new Error(`the origin ${origin} is not allowed`));
  }
  const { authenticate, admissionTimeMs } = edge;
  if (!authenticate) return OPEN_DOOR;
  return authenticated(() => limits.within(admissionTimeMs, 'authenticate', authenticate(request, path)));
}

async function authenticated(ask: () => Promise<Admission | null>): Promise<AdmissionResult> {
  try {
    const admission = await ask();
    if (!admission) return refused(UNAUTHORIZED, undefined);
    if (admission.userId !== undefined) checkName("A user's id", admission.userId);
    if (admission.expiresAt !== undefined) checkDate(admission.expiresAt);
    return { admitted: true, admission };
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error));
    const status = cause instanceof HttpException ? cause.getStatus() : UNAUTHORIZED;
    return refused(status >= 400 ? status : UNAUTHORIZED, cause);
  }
}

/** What comes out of JSON, or out of a JWT, is no Date whatever its type says. */
function checkDate(expiresAt: unknown): void {
  if (!(expiresAt instanceof Date) || Number.isNaN(expiresAt.getTime()))
    throw new TypeError('expiresAt must be a valid Date');
}

function refused(status: number, cause: Error | undefined): AdmissionResult {
  return { admitted: false, status, cause };
}
