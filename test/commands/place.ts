import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Job } from '../../src/collect/job.ts';
import type { CommandContext } from '../../src/commands/context.ts';
import type { OffJob } from '../../src/config/jobs.ts';
import { readSettings } from '../../src/config/settings.ts';
import { contextOf } from './context.ts';

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface CommandPlace {
  readonly data: string;
  /** Runs a command on these jobs. */
  run(
    command: (context: CommandContext) => Promise<number>,
    jobs: readonly Job[],
    more?: { readonly off?: OffJob[]; readonly interactive?: boolean },
  ): Promise<Ended>;
}

/** A data folder for commands that run in this process. It is removed when the test ends. */
export function commandPlace(): CommandPlace {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-commands-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const data = join(folder, 'data');
  return {
    data,
    run: async (command, jobs, { off = [], interactive = false } = {}) => {
      const context = contextOf(
        { jobs, off },
        { settings: readSettings({ TOKENTIDE_DATA: data }), now: Date.now, interactive },
      );
      const code = await command(context);
      return { code, ...context.printed };
    },
  };
}
