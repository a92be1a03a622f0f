import type { BenchServer } from './bench-server.js';
import type { Farm } from './farm.js';

const READY_MS = 4000;

/** Resolves once every server has left the primary of `begin` and is ready again, or after 4 s. */
export async function untilBack(farm: Farm, begin: number): Promise<void> {
  await farm.until(() => farm.alive.every((server) => isBack(server, begin)), READY_MS);
}

function isBack({ facts }: BenchServer, begin: number): boolean {
  const standings = facts.flatMap((reported) => reported.standings).filter(({ at }) => at > begin);
  return standings.some(({ state }) => state !== 'ready') && standings.at(-1)?.state === 'ready';
}
