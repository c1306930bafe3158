import { expect } from 'vitest';
import type { Finished } from '../../support/process.ts';

/** Wrong use, said plainly: nothing on standard output, and no stack trace. */
export function expectComplaint({ code, stdout, stderr }: Finished, message: RegExp, hint: RegExp): void {
  const [first, second] = stderr.split('\n');
  expect(first).toMatch(message);
  expect(second).toMatch(hint);
  expect(second).toMatch(/^ {2}\S/);
  expect(stderr).not.toMatch(/^\s+at |node_modules|Error:/m);
  expect([code, stdout]).toEqual([2, '']);
}
