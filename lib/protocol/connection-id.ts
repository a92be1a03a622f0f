import { randomBytes } from 'node:crypto';
import { SERVER_ID_LENGTH } from './envelope.js';

/** A new server id: 72 random bits as 12 characters of base64url. */
export function newServerId(): string {
  return randomBytes(9).toString('base64url');
}

/** A new connection id, `<serverId>.<12 random characters>`: anyone can tell from it which server holds the connection. */
export function newConnectionId(serverId: string): string {
  return `${serverId}.${newServerId()}`;
}

/** The server that holds the connection, or `undefined` where the id is none of ours. */
export function serverOf(connectionId: string): string | undefined {
  return connectionId[SERVER_ID_LENGTH] === '.' ? connectionId.slice(0, SERVER_ID_LENGTH) : undefined;
}
