import type { IncomingMessage } from 'node:http';
import type { Admission, Authenticate } from '../options/authenticate.js';
import type { ResolvedEdge } from '../options/edge-options.js';
import { checkName } from '../protocol/channel-names.js';
import { originRefusal } from './origin-check.js';
import type { TimeLimits } from './time-limits.js';

export type AdmissionResult = { readonly admitted: true; readonly admission: Admission } | Refusal;

export interface Refusal {
  readonly admitted: false;
  /** What the client is answered with. */
  readonly status: number;
  /** For the log; `undefined` where there is nothing to say. */
  readonly reason: string | undefined;
  /** Set where it is no refusal of this client: `authenticate` failed, and would have for anybody. */
  readonly failure: { readonly cause: unknown } | undefined;
}

/** Where nobody is asked, everybody comes in. */
const OPEN_DOOR: AdmissionResult = { admitted: true, admission: {} };
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
const UNAVAILABLE = 503;

/** Who decides on clients of a path. */
export interface Gatekeeper {
  readonly edge: ResolvedEdge;
  /** `undefined` where everyone is admitted. */
  readonly authenticate: Authenticate | undefined;
}

/** Whether the client may come in, and as whom: at once, or a promise where the app is asked, which never rejects. */
export function admit(
  { edge, authenticate }: Gatekeeper,
  request: IncomingMessage,
  path: string,
  limits: TimeLimits,
): AdmissionResult | Promise<AdmissionResult> {
  const reason = originRefusal(request.headers, edge);
  if (reason !== undefined) return { admitted: false, status: FORBIDDEN, reason, failure: undefined };
  if (!authenticate) return OPEN_DOOR;
  return authenticated(() =>
    limits.within(edge.admissionTimeMs, 'authenticate', authenticate(request, path)),
  );
}

async function authenticated(ask: () => Promise<Admission | null>): Promise<AdmissionResult> {
  try {
    const admission = await ask();
    if (admission === null)
      return { admitted: false, status: UNAUTHORIZED, reason: undefined, failure: undefined };
    checkAdmission(admission);
    return { admitted: true, admission };
  } catch (error) {
    return refusalOf(error);
  }
}

/** Nest's exceptions say by their status who is at fault; whatever else is thrown is a failure of `authenticate`. */
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

/** Not `instanceof HttpException`: an app may have a second copy of `@nestjs/common`. */
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

/** What comes out of JSON, or out of a JWT, is often not what its type says. */
function checkAdmission(admission: unknown): void {
  if (typeof admission !== 'object' || admission === null)
    throw new TypeError(
      `authenticate returned ${typeof admission}: return an object to admit the client, or null to refuse it`,
    );
  const { userId, expiresAt } = admission as Partial<Record<keyof Admission, unknown>>;
  if (userId !== undefined) checkName("A user's id", userId);
  if (expiresAt !== undefined && !(expiresAt instanceof Date && !Number.isNaN(expiresAt.getTime())))
    throw new TypeError('authenticate returned an expiresAt that is not a valid Date');
}
