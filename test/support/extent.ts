/** Whether everything runs (`npm run test:full`), or a sample of the largest matrices (`npm test`). */
export const FULL = process.env['TESTS'] === 'full';
