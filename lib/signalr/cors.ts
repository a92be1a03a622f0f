import type { IncomingHttpHeaders } from 'node:http';
import { originRefusal } from '../adapter/origin-check.js';
import type { ResolvedEdge } from '../options/edge-options.js';

/** What clients send, if a preflight does not say it. */
const HEADERS = 'authorization, x-requested-with, x-signalr-user-agent';
/** How long a browser may remember the answer to a preflight, in seconds. More than two hours has no effect in Chromium. */
const MAX_AGE = '7200';

/**
 * The headers that let a page of another origin negotiate: its exact origin, because clients send credentials by default.
 * Without them the browser refuses, so a page whose origin is not allowed gets none.
 */
export function corsHeaders(headers: IncomingHttpHeaders, edge: ResolvedEdge): Record<string, string> {
  const { origin } = headers;
  if (origin === undefined || originRefusal(headers, edge) !== undefined) return {};
  const allowed = {
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    vary: 'Origin',
  };
  if (headers['access-control-request-method'] === undefined) return allowed;
  return {
    ...allowed,
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': headers['access-control-request-headers'] ?? HEADERS,
    'access-control-max-age': MAX_AGE,
  };
}
