import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finished } from '../../support/process.ts';
import type { Place } from './place.ts';

/** Everything that the program has said, served and left on the disk: where credentials must not turn up. */
export interface Evidence {
  said(command: string, finished: Finished): void;
  /** The pages of a running daemon. */
  pages(url: string): Promise<void>;
  files(place: Place): void;
  /** Where any of these texts stands, as it is or as it is written in an address. */
  search(secrets: readonly string[]): string[];
}

export function createEvidence(): Evidence {
  const found: { where: string; text: string }[] = [];
  return {
    said: (command, { stdout, stderr }) => {
      found.push({ where: `standard output of ${command}`, text: stdout });
      found.push({ where: `standard error of ${command}`, text: stderr });
    },
    pages: async (url) => {
      for (const page of ['/', '/healthz', '/readyz', '/metrics']) {
        found.push({ where: page, text: await (await fetch(url + page)).text() });
      }
    },
    files: ({ data }) => {
      for (const entry of readdirSync(data, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        const text = entry.isFile() ? textOf(path) : undefined;
        if (text !== undefined) found.push({ where: path, text });
      }
    },
    search: (secrets) =>
      secrets.flatMap((secret) =>
        found
          .filter(({ text }) => [secret, encodeURIComponent(secret)].some((form) => text.includes(form)))
          .map(({ where }) => `${secret} in ${where}`),
      ),
  };
}

/** Undefined if the file is gone: SQLite removes its own files when the last process closes the database. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
