import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { openSqliteStore } from '../../../src/store/sqlite.ts';
import { sumRecords } from '../../../src/usage/aggregate.ts';
import {
  FIELDS,
  TAGS,
  type Fields,
  type Point,
  type Tags,
  type UsageRecord,
} from '../../../src/usage/point.ts';
import { seriesKey } from '../../../src/usage/series.ts';
import { bucketStart } from '../../../src/windows/calendar.ts';
import type { Bucket } from '../../../src/windows/window.ts';
import { runCli, startCli, type Finished, type Running } from '../../support/process.ts';
import type { Vendor } from './vendor.ts';

/** A user's folder: job files, a data folder and the environment. It is removed when the test ends. */
export interface Place {
  readonly folder: string;
  readonly data: string;
  readonly env: Record<string, string>;
  /** Writes a job file for a vendor, named after it, at the speed of loopback, and sets its variables. */
  addJob(vendor: Vendor, job: { readonly start: number } & Readonly<Record<string, unknown>>): void;
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Finished>;
  start(args: readonly string[], env?: Readonly<Record<string, string>>): Running;
}

/** A schedule that does not come due while a test runs: of a daemon only the first poll is seen. */
export function onceADay(): string {
  const later = new Date(Date.now() + 12 * 3_600_000);
  return `${later.getUTCMinutes()} ${later.getUTCHours()} * * *`;
}

export function createPlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-place-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'jobs'));
  const data = join(folder, 'data');
  const env: Record<string, string> = { TOKENTIDE_LISTEN: '127.0.0.1:0' };
  return {
    folder,
    data,
    env,
    addJob: ({ id, options, env: variables }, { start, ...more }) => {
      const job = {
        provider: id,
        schedule: onceADay(),
        start: instant(start),
        bucket: '1h',
        rate_limit: { per_second: 1000 },
        options,
        ...more,
      };
      writeFileSync(join(folder, 'jobs', `${id}.yaml`), stringify(job));
      Object.assign(env, variables);
    },
    run: (args, more = {}) => runCli(args, { cwd: folder, env: { ...env, ...more } }),
    start: (args, more = {}) => startCli(args, { cwd: folder, env: { ...env, ...more } }),
  };
}

/** `2026-10-01T00:00:00Z` */
export function instant(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}

/** What SQLite finds wrong with a file of the data folder: `ok`. */
export function integrityOf({ data }: Pick<Place, 'data'>, file: string): string {
  const database = new Database(join(data, file));
  const [row] = database.prepare('PRAGMA integrity_check').raw().all() as [[string]];
  database.close();
  return row[0];
}

/** Counters by bucket and series. A counter that is zero says the same as one that is absent. */
export type Sums = ReadonlyMap<string, Fields>;

/** What the embedded store holds of a vendor since `start`. */
export async function storedSums(
  { data }: Pick<Place, 'data'>,
  { id }: Vendor,
  start: number,
): Promise<Sums> {
  const store = openSqliteStore(join(data, 'usage.sqlite'));
  const points = await store.points({ start, end: Infinity, where: { provider: id } });
  await store.close();
  return sumsOf(points);
}

/** Every usage point of the embedded store. */
export async function storedPoints({ data }: Pick<Place, 'data'>): Promise<readonly Point[]> {
  const store = openSqliteStore(join(data, 'usage.sqlite'));
  const points = await store.points({ start: 0, end: Infinity });
  await store.close();
  return points;
}

/** What truly happened at a vendor since `start`, as the collector should have stored it. */
export function trueSums(
  { id, world }: Vendor,
  start: number,
  { bucket = '1h', zone = 'UTC' }: { bucket?: Bucket; zone?: string } = {},
): Sums {
  const since = world.events.filter(({ time }) => time >= start);
  if (since.length === 0) throw new Error(`nothing happened at ${id} since ${instant(start)}`);
  return sumsOf(since.map(({ time, ...event }) => ({ ...event, time: bucketStart(time, bucket, zone) })));
}

/** Counters of records, whichever way they were stored. */
export function sumsOf(records: readonly UsageRecord[]): Sums {
  const own = records.map(({ time, tags, fields }) => ({ time, tags: ownTags(tags), fields }));
  const sums = new Map<string, Fields>();
  for (const { time, tags, fields } of sumRecords(own)) {
    const counted = FIELDS.map((field) => [field, fields[field] ?? 0] as const).filter(
      ([, count]) => count > 0,
    );
    if (counted.length > 0) sums.set(`${instant(time)} ${seriesKey(tags)}`, Object.fromEntries(counted));
  }
  return new Map([...sums].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The tags that come from the vendor. The model of an Ark endpoint is joined by the collector. */
function ownTags(tags: Tags): Tags {
  const left = new Set(['account', 'bucket', 'provider', ...(tags.endpoint ? ['model'] : [])]);
  return Object.fromEntries(TAGS.filter((tag) => tags[tag] && !left.has(tag)).map((tag) => [tag, tags[tag]]));
}
