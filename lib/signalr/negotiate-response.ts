import type { IncomingMessage } from 'node:http';
import { admit } from '../adapter/admission.js';
import { logRefusal } from '../adapter/admission-result.js';
import type { ServedPath } from '../adapter/dialect-provider.js';
import type { TimeLimits } from '../adapter/time-limits.js';
import type { ConnectionTokens } from './connection-tokens.js';
import { corsHeaders } from './cors.js';
import { negotiate } from './negotiate.js';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** `undefined` for an empty body: clients show a body to their users, and only the status otherwise. */
  readonly body: object | undefined;
}

const NO_CONTENT = 204;
const METHOD_NOT_ALLOWED = 405;

/** Answers a request to the negotiation of a path. Never rejects. */
export async function answerNegotiation(
  { key, context }: ServedPath,
  request: IncomingMessage,
  tokens: ConnectionTokens,
  limits: TimeLimits,
  hasStatefulReconnect: boolean,
): Promise<HttpAnswer> {
  const headers = corsHeaders(request.headers, context.edge);
  if (request.method === 'OPTIONS') return { status: NO_CONTENT, headers, body: undefined };
  if (request.method !== 'POST') return { status: METHOD_NOT_ALLOWED, headers, body: undefined };
  // The number of the user's connections is checked when the client connects.
  const result = await admit({ ...context, userLimits: undefined }, request, key, limits);
  if (!result.admitted) {
    logRefusal(context.log, key, result);
    return { status: result.status, headers, body: undefined };
  }
  const body = negotiate(request.url ?? '', tokens, key, result.admission.userId, hasStatefulReconnect);
  return { status: 200, headers: { ...headers, 'cache-control': 'no-store' }, body };
}
