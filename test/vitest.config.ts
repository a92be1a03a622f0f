import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const SLOW_MODES = ['integration', 'package', 'browser'];

export default defineConfig(({ mode }) => ({
  root: fileURLToPath(new URL('..', import.meta.url)),
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    ...specsOf(mode),
    setupFiles: ['reflect-metadata'],
    globalSetup: ['test/support/global-setup.ts'],
    // Nest apps, Redis servers and their clients: more side by side only makes all of them late.
    maxWorkers: 2,
    // Each file imports Nest, which takes a second: files of one worker share it. None of them mocks a module.
    isolate: false,
    // A browser and four processes for each test, which may share two processors with others.
    testTimeout: mode === 'browser' ? 180_000 : 20_000,
    // A busy machine takes a second now and then; what never holds fails all the same.
    expect: { poll: { timeout: 10_000 } },
    hookTimeout: 60_000,
    coverage: { provider: 'v8', include: ['lib/**'] },
  },
}));

/** The folders of these modes need more than a Redis, and take minutes. */
function specsOf(mode: string): { include: string[]; exclude?: string[] } {
  if (SLOW_MODES.includes(mode)) return { include: [`test/${mode}/**/*.spec.ts`] };
  return { include: ['test/**/*.spec.ts'], exclude: SLOW_MODES.map((folder) => `test/${folder}/**`) };
}
