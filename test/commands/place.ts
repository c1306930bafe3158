import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Job } from '../../src/collect/job.ts';
import type { CommandContext } from '../../src/commands/context.ts';
import type { Diagnostic } from '../../src/config/errors.ts';
import type { OffJob } from '../../src/config/jobs.ts';
import { readSettings } from '../../src/config/settings.ts';
import { contextOf } from './context.ts';

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface PlaceOptions {
  readonly off?: readonly OffJob[];
  readonly issues?: readonly Diagnostic[];
  readonly interactive?: boolean;
  readonly terminal?: boolean;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

export interface CommandPlace {
  readonly data: string;
  /** Runs a command on these jobs. */
  run(
    command: (context: CommandContext) => Promise<number>,
    jobs: readonly Job[],
    more?: PlaceOptions,
  ): Promise<Ended>;
}

/** A data folder for commands that run in this process. It is removed when the test ends. */
export function commandPlace(): CommandPlace {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-commands-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const data = join(folder, 'data');
  return {
    data,
    run: async (command, jobs, more = {}) => {
      const { off = [], issues = [], interactive = false, terminal = false, now = Date.now } = more;
      const context = contextOf(
        { jobs, off, issues },
        { settings: readSettings({ TOKENTIDE_DATA: data }), now, interactive, terminal },
      );
      const code = await command(context);
      return { code, ...context.printed };
    },
  };
}
