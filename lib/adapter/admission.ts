import type { IncomingMessage } from 'node:http';
import type { Admission, Authenticate } from '../options/authenticate.js';
import type { ResolvedEdge } from '../options/edge-options.js';
import { checkName } from '../protocol/channel-names.js';
import type { AdmissionResult, Refusal } from './admission-result.js';
import { originRefusal } from './origin-check.js';
import type { TimeLimits } from './time-limits.js';
import type { UserLimits } from './user-limits.js';

/** The result if the path has no authenticator. */
const ANONYMOUS: AdmissionResult = { admitted: true, admission: {} };
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
const UNAVAILABLE = 503;

/** What decides whether a client of a path is admitted. */
export interface Gatekeeper {
  readonly edge: ResolvedEdge;
  /** `undefined` if every client is admitted. */
  readonly authenticate: Authenticate | undefined;
  /** `undefined` if users may have any number of connections. */
  readonly userLimits: UserLimits | undefined;
}

/** Decides whether to admit a client, and as which user. Returns a promise only if `authenticate` is called; it never rejects. */
export function admit(
  { edge, authenticate, userLimits }: Gatekeeper,
  request: IncomingMessage,
  path: string,
  limits: TimeLimits,
): AdmissionResult | Promise<AdmissionResult> {
  const reason = originRefusal(request.headers, edge);
  if (reason !== undefined) return { admitted: false, status: FORBIDDEN, reason, failure: undefined };
  if (!authenticate) return ANONYMOUS;
  const admission = authenticated(() =>
    limits.within(edge.admissionTimeMs, 'authenticate', authenticate(request, path)),
  );
  return userLimits ? admission.then((result) => userLimits.check(path, result)) : admission;
}

async function authenticated(call: () => Promise<Admission | null>): Promise<AdmissionResult> {
  try {
    const admission = await call();
    if (admission === null)
      return { admitted: false, status: UNAUTHORIZED, reason: undefined, failure: undefined };
    checkAdmission(admission);
    return { admitted: true, admission };
  } catch (error) {
    return refusalOf(error);
  }
}

/** An HTTP exception with a status below 500 refuses the client. Any other error is a failure of `authenticate`. */
function refusalOf(error: unknown): Refusal {
  const status = statusOf(error);
  const isRefusal = status !== undefined && status < 500;
  return {
    admitted: false,
    status: status ?? UNAVAILABLE,
    reason: error instanceof Error && isRefusal ? error.message : undefined,
    failure: isRefusal ? undefined : { cause: error },
  };
}

interface WithStatus {
  getStatus(): unknown;
}

/** Does not use `instanceof HttpException`, because an app may contain a second copy of `@nestjs/common`. */
function hasStatus(error: unknown): error is WithStatus {
  return (
    typeof error === 'object' &&
    error !== null &&
    'getStatus' in error &&
    typeof error.getStatus === 'function'
  );
}

function statusOf(error: unknown): number | undefined {
  if (!hasStatus(error)) return undefined;
  const status = error.getStatus();
  return typeof status === 'number' && status >= 400 && status < 600 ? status : undefined;
}

/** Checks the types at run time, because a value from JSON or a JWT often does not match its declared type. */
function checkAdmission(admission: unknown): void {
  if (typeof admission !== 'object' || admission === null)
    throw new TypeError(
      `authenticate returned a value of type ${typeof admission}. Return an object to admit the client, or null to refuse it.`,
    );
  const { userId, expiresAt } = admission as Partial<Record<keyof Admission, unknown>>;
  if (userId !== undefined) checkName("A user's id", userId);
  if (expiresAt !== undefined && !(expiresAt instanceof Date && !Number.isNaN(expiresAt.getTime())))
    throw new TypeError('authenticate returned an expiresAt that is not a valid Date.');
}
