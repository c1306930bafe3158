/** Whether everything runs (`npm run test:full`), or a sample of the largest matrices (`npm test`). */
export const FULL = process.env['TESTS'] === 'full';

/** The runs of a costly property: all of them, or a fifth. */
export function runs(all: number): { numRuns: number } {
  return { numRuns: FULL ? all : Math.ceil(all / 5) };
}
