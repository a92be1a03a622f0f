import type { IncomingHttpHeaders } from 'node:http';
import { originRefusal } from '../adapter/origin-check.js';
import type { ResolvedEdge } from '../options/edge-options.js';

/** The headers to allow if a preflight does not list any: those that SignalR clients send. */
const HEADERS = 'authorization, x-requested-with, x-signalr-user-agent';
/** How long a browser may cache the response to a preflight, in seconds. Chromium caps it at two hours. */
const MAX_AGE = '7200';

/**
 * The CORS headers that let a page of another origin negotiate. They name its exact origin, because clients send
 * credentials by default and browsers then reject `*`. A page whose origin is not allowed gets no headers, so its browser
 * blocks the request.
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
