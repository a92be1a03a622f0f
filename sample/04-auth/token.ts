import type { IncomingMessage } from 'node:http';

/** What the app's tokens say. */
export interface TokenPayload {
  readonly sub: string;
  /** In seconds, as JWT has it. */
  readonly exp: number;
}

/**
 * The token of an upgrade. A program sends a header. A page cannot: `nestjs-redis-backplane/client` sends the subprotocol
 * `bearer.<token>`, or the browser sends the cookie that the login has set. Then `allowedOrigins` keeps foreign pages from
 * using it.
 */
export function tokenOf({ headers }: IncomingMessage): string {
  const header = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
  const subprotocol = /(?:^|,\s*)bearer\.([\w.-]+)/.exec(headers['sec-websocket-protocol'] ?? '')?.[1];
  const cookie = /(?:^|;\s*)token=([^;]+)/.exec(headers.cookie ?? '')?.[1];
  return header ?? subprotocol ?? cookie ?? '';
}
