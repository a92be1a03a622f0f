import type { ConnectionTokens } from './connection-tokens.js';

/** The only transport. The others need all requests of a client to reach the same server. */
const TRANSPORTS = [{ transport: 'WebSockets', transferFormats: ['Text', 'Binary'] }];
const LATEST_VERSION = 1;

/**
 * Answers a negotiation, as the body of a response with status 200.
 *
 * @param target the target of the HTTP request
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
  // Before version 1, clients connect with the id.
  const ids = negotiateVersion === 0 ? { connectionId: token } : { connectionId, connectionToken: token };
  // Clients that did not ask for it must not be told.
  const isAskedFor = queryValue(target, 'useStatefulReconnect') === 'true';
  return {
    negotiateVersion,
    ...ids,
    ...(hasStatefulReconnect && isAskedFor && { useStatefulReconnect: true }),
    availableTransports: TRANSPORTS,
  };
}

/** The first value of a query parameter, whose name clients may write in any letter case. */
export function queryValue(target: string, name: string): string | undefined {
  const start = target.indexOf('?');
  if (start < 0) return undefined;
  for (const [key, value] of new URLSearchParams(target.slice(start + 1)))
    if (key.toLowerCase() === name.toLowerCase()) return value;
  return undefined;
}
