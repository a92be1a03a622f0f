import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** The specs that decide about mutants: they run in this process, within milliseconds, on fakes and `memory:`. */
const SPECS = ['protocol', 'options', 'routing', 'bus'].map((folder) => `test/${folder}/**/*.spec.ts`);
/** It needs a Redis server, and seconds for each mutant. */
const ON_REDIS = ['test/bus/bus-contract.spec.ts'];

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    include: SPECS,
    exclude: ON_REDIS,
    setupFiles: ['reflect-metadata'],
    isolate: false,
    testTimeout: 10_000,
  },
});
