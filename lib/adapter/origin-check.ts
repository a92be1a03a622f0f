import type { IncomingHttpHeaders } from 'node:http';
import type { ResolvedEdge } from '../options/edge-options.js';

/**
 * Why a browser's page may not connect, or `undefined` where it may. A browser sends `Origin` with every WebSocket, and
 * the cookies of the host that it connects to, whatever page it is on.
 */
export function originRefusal(
  headers: IncomingHttpHeaders,
  { allowedOrigins }: ResolvedEdge,
): string | undefined {
  const { origin } = headers;
  if (origin === undefined || allowedOrigins === 'any') return undefined;
  if (allowedOrigins) {
    return allowedOrigins.allows(origin)
      ? undefined
      : `its origin ${origin} is not one of the option allowedOrigins`;
  }
  if (headers.cookie === undefined && headers.authorization === undefined) return undefined;
  return isSameHost(origin, headers)
    ? undefined
    : `a page of another host (${origin}) sent credentials with it. If that page is yours, name it in the option allowedOrigins`;
}

/**
 * Host names are compared, and no ports: cookies know none, and proxies often leave them out. What a proxy says of the
 * original host counts too, because a page cannot set these headers on a WebSocket.
 */
function isSameHost(origin: string, headers: IncomingHttpHeaders): boolean {
  if (!URL.canParse(origin)) return false;
  const host = hostName(new URL(origin).host);
  return host !== undefined && ownHosts(headers).includes(host);
}

function ownHosts(headers: IncomingHttpHeaders): (string | undefined)[] {
  const forwardedHosts = [headers['x-forwarded-host'] ?? []].flat().flatMap((value) => value.split(','));
  const forwarded = /(?:^|[;,])\s*host="?([^;,"\s]+)/gi;
  const named = [...(headers.forwarded ?? '').matchAll(forwarded)].map(([, host = '']) => host);
  return [headers.host ?? '', ...forwardedHosts, ...named].map(hostName);
}

/** The name in `host:port`, as URLs write it. */
function hostName(host: string): string | undefined {
  const url = `http://${host.trim()}`;
  if (host.trim() === '' || !URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/\.$/, '');
}
