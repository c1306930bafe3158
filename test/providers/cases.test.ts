import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { createHttp } from '../../src/fetch/client.ts';
import { FetchError } from '../../src/fetch/errors.ts';
import { memoryRateLimiter } from '../support/memory-rate-limiter.ts';
import { PROVIDERS } from '../../src/providers/index.ts';
import type { Provider, ReadRequest, Source } from '../../src/providers/provider.ts';
import { toLine } from '../../src/usage/line-protocol.ts';
import type { UsageRecord } from '../../src/usage/point.ts';
import { seriesKey } from '../../src/usage/series.ts';
import { BUCKETS } from '../../src/windows/window.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { Exchange, replay } from '../support/replay-server.ts';

const Instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text) / 1000);

/** `job.yaml` of a case: the request. docs/adding-a-provider.md explains the folder. */
const CaseJob = z.strictObject({
  account: z.string(),
  bucket: z.enum(BUCKETS),
  window: z.strictObject({ start: Instant, end: Instant }),
  /** The provider's own zone by default. */
  zone: z.string().optional(),
  range_end: z.enum(['exclusive', 'inclusive']).optional(),
  /** Calls `totals` instead of `read`. */
  totals: z.boolean().default(false),
  options: z.record(z.string(), z.unknown()).default({}),
});
type CaseJob = z.infer<typeof CaseJob>;

for (const provider of PROVIDERS) {
  const folder = join(import.meta.dirname, provider.id, 'cases');
  const names = existsSync(folder) ? readdirSync(folder) : [];
  describe.runIf(names.length > 0)(provider.id, () => {
    it.each(names)('%s', (name) => runCase(provider, join(folder, name)));
  });
}

async function runCase(provider: Provider, folder: string): Promise<void> {
  const job = CaseJob.parse(parseYaml(readFileSync(join(folder, 'job.yaml'), 'utf8')));
  const files = readdirSync(folder)
    .filter((file) => /^exchange-[0-9]+\.json$/.test(file))
    .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const exchanges = files.map((file) => readExchange(join(folder, file)));
  const server = await replay(exchanges, files);

  const outcome = await run(provider, job, server.url)
    .then(
      (text) => ({ file: 'expected.lp', other: 'expected-error.txt', text }),
      (error: unknown) => ({
        file: 'expected-error.txt',
        other: 'expected.lp',
        text: errorText(error).replaceAll(server.url, '{base_url}'),
      }),
    )
    .finally(() => void server.close());

  expect(server.problems().join('\n\n')).toBe('');
  if (existsSync(join(folder, outcome.other))) {
    expect.fail(`the case has a file ${outcome.other}, but the outcome is:\n${outcome.text}`);
  }
  await expect(outcome.text).toMatchFileSnapshot(join(folder, outcome.file));
}

function readExchange(file: string): Exchange {
  const parsed = Exchange.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!parsed.success) throw new Error(`${file}:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** All points of the case in line protocol, and the counts of discarded rows as comments. */
async function run(provider: Provider, job: CaseJob, url: string): Promise<string> {
  const clock = fakeClock((job.window.end + 3600) * 1000);
  const http = createHttp({
    baseUrl: url,
    limit: provider.rate,
    rateLimiter: memoryRateLimiter(),
    fetch: globalThis.fetch,
    sleep: clock.sleep,
    now: clock.now,
    random: () => 0.5,
  });
  const state = new Map<string, string>();
  const options = provider.options.parse({ ...job.options, base_url: url });
  const source = provider.connect(options, {
    http,
    dataset: provider.datasets[0].id,
    state: { get: (key) => state.get(key), set: (key, value) => void state.set(key, value) },
    now: clock.now,
  });
  const { signal } = new AbortController();
  const partitions = await source.partitions(signal);
  const lines: string[] = [];
  const dropped = new Map<string, number>();
  for (let i = 0; i < partitions.length; i += source.batchSize) {
    const request: ReadRequest = {
      window: job.window,
      bucket: job.bucket,
      zone: job.zone ?? provider.zone,
      partitions: partitions.slice(i, i + source.batchSize),
      ...(job.range_end ? { rangeEnd: job.range_end } : {}),
      signal,
    };
    const answer = job.totals ? { records: await totals(source, request) } : await source.read(request);
    expectSound(answer.records, job);
    const own = { provider: provider.id, account: job.account, bucket: job.bucket };
    lines.push(...answer.records.map((record) => toLine({ ...record, tags: { ...record.tags, ...own } })));
    for (const [reason, count] of Object.entries(answer.dropped ?? {})) {
      dropped.set(reason, (dropped.get(reason) ?? 0) + count);
    }
  }
  const remarks = [...dropped].map(([reason, count]) => `# dropped ${reason} ${count}`).toSorted();
  return [...lines.toSorted(), ...remarks].map((line) => `${line}\n`).join('');
}

async function totals(source: Source, request: ReadRequest): Promise<readonly UsageRecord[]> {
  const records = await source.totals?.(request);
  if (!records) throw new Error('the case asks for totals, which this provider does not have');
  return records;
}

/** What every answer promises: one record per series and time, all of them inside the window. */
function expectSound(records: readonly UsageRecord[], job: CaseJob): void {
  const keys = records.map(({ time, tags }) => `${time} ${seriesKey(tags)}`);
  expect(new Set(keys).size, 'a series and time was returned twice').toBe(keys.length);
  for (const { time } of records) {
    expect(time, 'before the window').toBeGreaterThanOrEqual(job.window.start);
    expect(time, 'after the window').toBeLessThan(job.window.end);
  }
}

function errorText(error: unknown): string {
  if (!(error instanceof FetchError)) throw error;
  return `${error.kind}: ${error.message}\n${error.hint ? `hint: ${error.hint}\n` : ''}`;
}
