import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** The specs that must kill the mutants. They are fast because they use fakes and `memory:`. */
const SPECS = ['protocol', 'options', 'routing', 'bus'].map((folder) => `test/${folder}/**/*.spec.ts`);
/** Excluded because it needs a Redis and takes seconds per mutant. */
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
