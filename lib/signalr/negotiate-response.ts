import type { IncomingMessage } from 'node:http';
import { admit } from '../adapter/admission.js';
import { logRefusal } from '../adapter/admission-result.js';
import type { ServedPath } from '../adapter/dialect-provider.js';
import type { TimeLimits } from '../adapter/time-limits.js';
import type { ResolvedSignalR, SignalRRedirect } from '../options/signalr-options.js';
import type { ConnectionTokens } from './connection-tokens.js';
import { corsHeaders } from './cors.js';
import { negotiate } from './negotiate.js';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** `undefined` for an empty body. Clients put a body into their error message, and the status if there is none. */
  readonly body: object | undefined;
}

const OK = 200;
const NO_CONTENT = 204;
const METHOD_NOT_ALLOWED = 405;
const UNAVAILABLE = 503;

export interface NegotiationOptions {
  readonly tokens: ConnectionTokens;
  readonly limits: TimeLimits;
  readonly hasStatefulReconnect: boolean;
  readonly redirect: ResolvedSignalR['redirect'];
}

/** Answers a negotiation request for a path. Never rejects. */
export async function answerNegotiation(
  { key, context }: ServedPath,
  request: IncomingMessage,
  { tokens, limits, hasStatefulReconnect, redirect }: NegotiationOptions,
): Promise<HttpAnswer> {
  const headers = corsHeaders(request.headers, context.edge);
  const answer = (status: number, body?: object): HttpAnswer => ({ status, headers, body });
  if (request.method === 'OPTIONS') return answer(NO_CONTENT);
  if (request.method !== 'POST') return answer(METHOD_NOT_ALLOWED);
  const result = await admit(context, request, key, limits);
  if (!result.admitted) {
    logRefusal(context.log, key, result);
    return answer(result.status);
  }
  try {
    const elsewhere = await redirect?.(request, key);
    if (elsewhere) return answer(OK, checkRedirect(elsewhere));
  } catch (error) {
    context.log.error('redirect', `The option signalr.redirect failed for a client of ${key}`, error);
    return answer(UNAVAILABLE);
  }
  const { userId } = result.admission;
  return {
    ...answer(OK, negotiate(request.url ?? '', tokens, key, userId, hasStatefulReconnect)),
    headers: { ...headers, 'cache-control': 'no-store' },
  };
}

/** Throws a TypeError if the result of the option `signalr.redirect` is invalid. */
function checkRedirect({ url, accessToken }: SignalRRedirect): SignalRRedirect {
  if (typeof url !== 'string')
    throw new TypeError('The result of signalr.redirect must have a url, which is a string.');
  if (accessToken === undefined) return { url };
  if (typeof accessToken !== 'string')
    throw new TypeError('The accessToken of signalr.redirect must be a string.');
  return { url, accessToken };
}
