import { randomFillSync } from 'node:crypto';
import { SERVER_ID_LENGTH } from './envelope.js';

/** The first character of a roaming id. No server id begins with it. */
const ROAMING = '~';
/** 72 bits, which are 12 characters of base64url. */
const RANDOM_BYTES = 9;
/** Random bytes for 400 ids, because each call to the system's random source costs 15 µs, whatever its size. */
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

/** Creates the id of a connection of this server: `<serverId>.<12 random characters>`. It names the server that holds it. */
export function newConnectionId(serverId: string): string {
  return `${serverId}.${newServerId()}`;
}

/**
 * Creates a roaming id, for a connection that any server may hold: the client gets its id before it connects.
 *
 * @param unique at least 12 characters of base64url that are unique in the farm
 */
export function roamingConnectionId(unique: string): string {
  return ROAMING + unique;
}

/** Whether the connection roams: its id does not name a server, so any server may hold it. */
export function isRoaming(connectionId: string): boolean {
  return connectionId.startsWith(ROAMING);
}

/** The server that a connection id names; `undefined` for a roaming or malformed id. */
export function serverOf(connectionId: string): string | undefined {
  return connectionId[SERVER_ID_LENGTH] === '.' ? connectionId.slice(0, SERVER_ID_LENGTH) : undefined;
}

/** The short form of an id, without the id of its server, for lists of connections that all belong to the sender. */
export function shortConnectionId(connectionId: string): string {
  return isRoaming(connectionId) ? connectionId : connectionId.slice(SERVER_ID_LENGTH + 1);
}

/** Restores an id from its short form and the server that sent it. */
export function fullConnectionId(serverId: string, short: string): string {
  return isRoaming(short) ? short : `${serverId}.${short}`;
}
