import type { IncomingHttpHeaders } from 'node:http';
import type { ResolvedEdge } from '../options/edge-options.js';

/**
 * Returns why the page that opens the connection must not connect, or `undefined` if it may. For every WebSocket a browser
 * sends the `Origin` of the page, and the cookies of the host that it connects to, even if the page is on another host.
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
      : `its origin ${origin} is not in the option allowedOrigins.`;
  }
  if (headers.cookie === undefined && headers.authorization === undefined) return undefined;
  return isSameHost(origin, headers)
    ? undefined
    : `its page is on another host (${origin}), and its request contains cookies or an Authorization header. If the page is yours, add its origin to the option allowedOrigins.`;
}

/**
 * Compares host names without ports, because cookies ignore ports and proxies often remove them. The original host that a
 * proxy names in a header counts too. A page cannot forge it, because it cannot set headers on a WebSocket.
 */
function isSameHost(origin: string, headers: IncomingHttpHeaders): boolean {
  if (!URL.canParse(origin)) return false;
  const host = hostName(new URL(origin).host);
  return host !== undefined && ownHosts(headers).includes(host);
}

function ownHosts(headers: IncomingHttpHeaders): (string | undefined)[] {
  const forwardedHosts = [headers['x-forwarded-host'] ?? []].flat().flatMap((value) => value.split(','));
  const hostParameter = /(?:^|[;,])\s*host="?([^;,"\s]+)/gi;
  const fromForwarded = [...(headers.forwarded ?? '').matchAll(hostParameter)].map(([, host = '']) => host);
  return [headers.host ?? '', ...forwardedHosts, ...fromForwarded].map(hostName);
}

/** The host name in `host:port`, normalized as in URLs; `undefined` if the text is not valid. */
function hostName(host: string): string | undefined {
  const url = `http://${host.trim()}`;
  if (host.trim() === '' || !URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/\.$/, '');
}
