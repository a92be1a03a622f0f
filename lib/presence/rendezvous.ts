import { crc32 } from 'node:zlib';

/**
 * Picks one of the servers for a name (rendezvous hashing): every server with the same list picks the same one, and if a
 * server leaves, only the names that it had move to others.
 */
export function rendezvous(servers: Iterable<string>, name: string): string | undefined {
  let best: string | undefined;
  let highest = -1;
  for (const server of servers) {
    const score = crc32(`${name} ${server}`);
    if (score < highest || (score === highest && best !== undefined && server < best)) continue;
    best = server;
    highest = score;
  }
  return best;
}
