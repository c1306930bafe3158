import { defineConfig } from 'vitest/config';

/** `vitest run` is `npm test`; `vitest run --mode full` is `npm run test:full`. */
export default defineConfig(({ mode }) => ({
  test: {
    include: ['test/**/*.test.ts'],
    // Whole daemons, and real servers that are killed, belong to the proof of all.
    exclude:
      mode === 'full' ? [] : ['test/e2e/!(bad-input|smoke).test.ts', 'test/store/faults-servers.test.ts'],
    env: { TESTS: mode === 'full' ? 'full' : 'fast' },
    globalSetup: ['scripts/build.mjs'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One process for many files saves a third of the time. The proof of all has each file alone.
    isolate: mode === 'full',
    // Two test files side by side: the end-to-end files start whole daemons.
    maxWorkers: 2,
  },
}));
