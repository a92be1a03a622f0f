import type { Broadcaster } from 'nestjs-redis-backplane';

/** Defects that the fuzz test must find. An environment variable plants one, to prove that the test finds it. */
export const PLANTED_DEFECTS = ['crash', 'uncaught', 'stall', 'memory', 'wronged'] as const;
export type PlantedDefect = (typeof PLANTED_DEFECTS)[number];

export const PLANTED_VARIABLE = 'FUZZ_PLANT';
/** The event whose handler triggers the planted defect. */
export const PLANTED_EVENT = 'throws';

const STALL_MS = 3000;
const MANY_BYTES = 600 * 2 ** 20;

/** Triggers the planted defect. Does nothing if none is planted. */
export function plant(server: Broadcaster): void {
  switch (process.env[PLANTED_VARIABLE]) {
    case 'crash':
      process.abort();
      break;
    case 'uncaught':
      setImmediate(() => {
        throw new Error('planted');
      });
      break;
    case 'stall':
      stall();
      break;
    case 'memory':
      Buffer.alloc(MANY_BYTES, 1);
      break;
    case 'wronged':
      void server.gateway('/witness').disconnect(4000);
  }
}

/** Blocks the event loop by using CPU time, like an endless loop. */
function stall(): void {
  const { user } = process.cpuUsage();
  while ((process.cpuUsage().user - user) / 1000 < STALL_MS);
}
