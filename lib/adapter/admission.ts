import type { IncomingMessage } from 'node:http';
import { checkName } from '../protocol/channel-names.js';
import type { Admission, Authenticate } from '../options/redis-backplane-options.js';

export type AdmissionResult =
  | { readonly admitted: true; readonly admission: Admission }
  | { readonly admitted: false; readonly status: number; readonly cause: Error | undefined };

const UNAUTHORIZED = 401;

/** Asks the app whether the client may come in, and as whom. Never rejects. */
export async function admit(
  authenticate: Authenticate | undefined,
  request: IncomingMessage,
  path: string,
): Promise<AdmissionResult> {
  if (!authenticate) return { admitted: true, admission: {} };
  try {
    const admission = await authenticate(request, path);
    if (!admission) return { admitted: false, status: UNAUTHORIZED, cause: undefined };
    if (admission.userId !== undefined) checkName("A user's id", admission.userId);
    return { admitted: true, admission };
  } catch (cause) {
    return {
      admitted: false,
      status: UNAUTHORIZED,
      cause: cause instanceof Error ? cause : new Error(String(cause)),
    };
  }
}
