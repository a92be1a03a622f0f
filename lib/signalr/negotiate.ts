import type { ConnectionTokens } from './connection-tokens.js';

/** WebSockets only, because the other transports need sticky sessions. */
const TRANSPORTS = [{ transport: 'WebSockets', transferFormats: ['Text', 'Binary'] }];
const LATEST_VERSION = 1;

/**
 * Creates the body of the response to a negotiation, which has status 200 even for an error.
 *
 * @param target the URL of the HTTP request, without the host
 */
export function negotiate(
  target: string,
  tokens: ConnectionTokens,
  path: string,
  userId: string | undefined,
  hasStatefulReconnect: boolean,
): object {
  const requested = queryValue(target, 'negotiateVersion') ?? '0';
  if (!/^-?\d{1,9}$/.test(requested))
    return { error: 'The client requested a non-integer protocol version.' };
  if (Number(requested) < 0)
    return {
      error: `The client requested version '${requested}', but the server does not support this version.`,
    };
  const negotiateVersion = Math.min(Number(requested), LATEST_VERSION);
  const { connectionId, token } = tokens.create(path, userId);
  // Clients before version 1 use the id as the token.
  const ids = negotiateVersion === 0 ? { connectionId: token } : { connectionId, connectionToken: token };
  // Offered only to clients that asked for it.
  const isAskedFor = queryValue(target, 'useStatefulReconnect') === 'true';
  return {
    negotiateVersion,
    ...ids,
    ...(hasStatefulReconnect && isAskedFor && { useStatefulReconnect: true }),
    availableTransports: TRANSPORTS,
  };
}

/** The first value of a query parameter. The name is not case-sensitive. */
export function queryValue(target: string, name: string): string | undefined {
  const start = target.indexOf('?');
  if (start < 0) return undefined;
  for (const [key, value] of new URLSearchParams(target.slice(start + 1)))
    if (key.toLowerCase() === name.toLowerCase()) return value;
  return undefined;
}
