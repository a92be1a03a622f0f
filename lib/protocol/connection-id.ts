import { randomFillSync } from 'node:crypto';
import { SERVER_ID_LENGTH } from './envelope.js';

/** 72 bits. */
const RANDOM_BYTES = 9;
/** Asking the system for random bytes costs 15 µs, however many they are: they are fetched for 400 ids at once. */
const pool = Buffer.alloc(RANDOM_BYTES * 400);
let used = pool.length;

/** A new server id: 72 random bits as 12 characters of base64url. */
export function newServerId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return pool.toString('base64url', used, (used += RANDOM_BYTES));
}

/** A new connection id, `<serverId>.<12 random characters>`: anyone can tell from it which server holds the connection. */
export function newConnectionId(serverId: string): string {
  return `${serverId}.${newServerId()}`;
}

/** The server that holds the connection, or `undefined` where the id is none of ours. */
export function serverOf(connectionId: string): string | undefined {
  return connectionId[SERVER_ID_LENGTH] === '.' ? connectionId.slice(0, SERVER_ID_LENGTH) : undefined;
}
