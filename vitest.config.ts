import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two test files side by side: the end-to-end files start whole daemons.
    maxWorkers: 2,
  },
});
