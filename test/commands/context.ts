import type { CommandContext } from '../../src/commands/context.ts';
import type { LoadedJobs } from '../../src/config/jobs.ts';
import { readSettings } from '../../src/config/settings.ts';

export interface Recorded extends CommandContext {
  readonly printed: { out: string; err: string };
}

/** A command's input and output that keep what is printed. */
export function contextOf(jobs: Partial<LoadedJobs> = {}, more: Partial<CommandContext> = {}): Recorded {
  const printed = { out: '', err: '' };
  return {
    env: {},
    settings: readSettings({}),
    now: () => Date.parse('2026-11-21T10:30:00Z'),
    out: (text) => void (printed.out += text),
    err: (text) => void (printed.err += text),
    interactive: false,
    terminal: false,
    signal: new AbortController().signal,
    pid: 1,
    loadJobs: () => ({ jobs: [], off: [], broken: [], issues: [], ...jobs }),
    ...more,
    printed,
  };
}
