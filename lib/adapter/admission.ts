import type { IncomingMessage } from 'node:http';
import { HttpException } from '@nestjs/common';
import type { Admission, ResolvedEdge } from '../options/edge-options.js';
import { checkName } from '../protocol/channel-names.js';

export type AdmissionResult =
  | { readonly admitted: true; readonly admission: Admission }
  | { readonly admitted: false; readonly status: number; readonly cause: Error | undefined };

const UNAUTHORIZED = 401;
const FORBIDDEN = 403;

/** Asks the app whether the client may come in, and as whom. Never rejects. */
export async function admit(
  { authenticate, allowedOrigins, admissionTimeMs }: ResolvedEdge,
  request: IncomingMessage,
  path: string,
): Promise<AdmissionResult> {
  const { origin } = request.headers;
  if (origin !== undefined && allowedOrigins && !allowedOrigins.has(origin)) {
    return refused(FORBIDDEN, new Error(`the origin ${origin} is not allowed`));
  }
  if (!authenticate) return { admitted: true, admission: {} };
  try {
    const admission = await within(admissionTimeMs, authenticate(request, path));
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

async function within<T>(ms: number, result: T | Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`authenticate took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
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
