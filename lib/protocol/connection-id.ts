import { randomFillSync } from 'node:crypto';
import { SERVER_ID_LENGTH } from './envelope.js';

/** 72 bits, which are 12 characters of base64url. */
const RANDOM_BYTES = 9;
/** Random bytes for 400 ids, because each request to the system costs 15 µs, whatever its size. */
const pool = Buffer.alloc(RANDOM_BYTES * 400);
let used = pool.length;

/** Creates a server id: 72 random bits as 12 characters of base64url. */
export function newServerId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return pool.toString('base64url', used, (used += RANDOM_BYTES));
}

/** Creates a connection id, `<serverId>.<12 random characters>`. The id alone tells which server holds the connection. */
export function newConnectionId(serverId: string): string {
  return `${serverId}.${newServerId()}`;
}

/** The id of the server that holds the connection, or `undefined` if this is not one of our connection ids. */
export function serverOf(connectionId: string): string | undefined {
  return connectionId[SERVER_ID_LENGTH] === '.' ? connectionId.slice(0, SERVER_ID_LENGTH) : undefined;
}
