/** A defect that the fuzz test must find; planted by the environment, to prove that it does. */
export const PLANTED_DEFECTS = ['crash', 'uncaught', 'leak', 'stall', 'memory', 'connections'] as const;
export type PlantedDefect = (typeof PLANTED_DEFECTS)[number];

export const PLANTED_VARIABLE = 'FUZZ_PLANT';

const kept: unknown[] = [];

/** Does harm where it is planted, and nothing otherwise. */
export function plant(data: unknown): void {
  switch (process.env[PLANTED_VARIABLE]) {
    case 'crash':
      process.abort();
      break;
    case 'uncaught':
      setImmediate(() => {
        throw new Error('planted');
      });
      break;
    case 'leak':
      kept.push(Buffer.alloc(2 ** 20, 1), data);
      break;
    case 'stall':
      for (const end = performance.now() + 4000; performance.now() < end; );
      break;
    case 'memory':
      Buffer.alloc(400 * 2 ** 20, 1);
      break;
  }
}
