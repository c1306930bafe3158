import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { loadJobs, type LoadedJobs } from '../../src/config/jobs.ts';
import { formatIssue } from '../../src/config/errors.ts';
import { SecretField } from '../../src/fetch/secret-schema.ts';
import { defineProvider, USAGE, type Provider } from '../../src/providers/provider.ts';

const NEVER_CONNECTED = {
  rate: { perSecond: 1, concurrency: 1, source: 'a test' },
  docsUrl: 'https://example.com',
  baseUrl: () => 'https://example.com',
  connect: () => {
    throw new Error('configuration does not connect');
  },
};

/** A provider with an option of every kind. */
export const acme = defineProvider({
  ...NEVER_CONNECTED,
  id: 'acme',
  title: 'Acme',
  options: z
    .strictObject({
      app_id: z.string().min(1).describe('The id of the app.'),
      app_secret: SecretField.describe('The secret of the app.'),
      base_url: z.url().default('https://example.com').describe('Where the API is.'),
      page_size: z.int().min(1).max(1000).default(100).describe('Rows at a time.'),
      mode: z.enum(['fast', 'slow']).default('fast').describe('How to ask.'),
      members: z
        .union([z.literal('all'), z.strictObject({ emails: z.array(z.string()).min(1) })])
        .default('all')
        .describe('Whose usage to read.'),
      headers: z.record(z.string(), SecretField).optional().describe('Headers to send.'),
    })
    .refine((options) => options.page_size !== 13, {
      error: 'thirteen brings bad luck',
      path: ['page_size'],
    }),
  zone: 'Asia/Shanghai',
  buckets: () => ({ '1h': { maxDays: 7 }, '1d': { maxDays: 30 } }),
  datasets: [USAGE],
});

/** A provider without hours and without options. */
export const daily = defineProvider({
  ...NEVER_CONNECTED,
  id: 'daily',
  title: 'Daily',
  options: z.strictObject({}),
  zone: 'UTC',
  buckets: () => ({ '1d': { maxDays: 30 } }),
  datasets: [{ ...USAGE, defaultBucket: '1d' }],
});

export const TEST_PROVIDERS: readonly Provider[] = [acme, daily];

export const NOW = Date.parse('2026-11-21T10:30:00Z');

/** A folder with these files, gone when the test is over. */
export function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

export interface Loaded extends LoadedJobs {
  /** All issues as the user sees them, paths relative to the folder. */
  readonly report: string;
}

export function loadFolder(folder: string, env: Readonly<Record<string, string>> = {}): LoadedJobs {
  return loadJobs(folder, { env, now: () => NOW, providers: TEST_PROVIDERS });
}

export function load(
  files: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): Loaded {
  const folder = folderOf(files);
  const loaded = loadFolder(folder, env);
  return { ...loaded, report: loaded.issues.map(formatIssue).join('\n').replaceAll(`${folder}/`, '') };
}
