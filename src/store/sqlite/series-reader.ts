import { measurementNamed, type Catalogue, type Measurement } from '../../usage/catalogue.ts';
import type { Count } from '../../usage/count.ts';
import { parseJson } from '../../usage/json.ts';
import { MEASUREMENT, type Fields, type UsageRecord } from '../../usage/point.ts';
import { bucketEnd, bucketStart } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import { createSeriesBuilder, matcherOf, type SeriesBuilder } from '../series.ts';
import type { SeriesQuery, SeriesRow } from '../series-query.ts';
import { StoreError } from '../store.ts';
import { changesOf } from './changes.ts';
import type { SqliteFile } from './database.ts';
import { createSeriesTable } from './series-table.ts';
import { column, columns, namedFields, tableOf } from './tables.ts';
import { DAY, HOUR } from '../../windows/units.ts';

/** Days that still change, or are cut by a query, are cached in pieces: a change costs little. */
const PIECE = 6 * HOUR;
/** Newer days are cached in pieces; older ones as a whole. */
const RECENT = 4 * DAY;
/** About 60 MB. */
const CACHED_ROWS = 500_000;

export interface SeriesReader {
  /** @throws StoreError */
  read(query: SeriesQuery): Promise<SeriesRow[]>;
  close(): Promise<void>;
}

/** The sums of one series over one block. */
interface SeriesSum {
  readonly series: number;
  readonly fields: Fields;
}

/** The sums of one group of series over one block. */
type GroupSum = Pick<UsageRecord, 'tags' | 'fields'>;

/** The sums of a block, as they were after a change. */
interface CachedBlock {
  readonly change: number;
  readonly sums: readonly SeriesSum[];
  /** By grouping and filters. */
  readonly groups: Map<string, readonly GroupSum[]>;
  rows: number;
}

/** A part of a day, and whether it is a whole block. */
interface Part extends Window {
  readonly whole: boolean;
}

/**
 * Answers series queries. The sums of a day are cached by series, and by group for the groupings in use, together with
 * the number of the last change in that time: every write of any process raises it, in the same transaction.
 * @param isLate asked between the parts of a query; true ends it
 */
export function createSeriesReader(
  file: SqliteFile,
  catalogue: Catalogue,
  isLate: () => boolean = () => false,
): SeriesReader {
  const tables = new Map([...catalogue].map(([name, each]) => [name, createSeriesTable(file, each)]));
  const cache = new Map<string, CachedBlock>();
  let cachedRows = 0;

  /** The block as it is now; the least recently used blocks make room for it. */
  function blockOf(measurement: Measurement, part: Part, changes: ReadonlyMap<number, number>): CachedBlock {
    const key = `${measurement.name} ${part.start} ${part.end}`;
    const change = lastChange(changes, part);
    const known = cache.get(key);
    if (known) {
      cache.delete(key);
      cachedRows -= known.rows;
    }
    const block = known?.change === change ? known : readBlock(file, measurement, part, change);
    if (part.whole) {
      cache.set(key, block);
      cachedRows += block.rows;
    }
    return block;
  }

  function shrink(): void {
    for (const [key, { rows }] of cache) {
      if (cachedRows <= CACHED_ROWS) return;
      cache.delete(key);
      cachedRows -= rows;
    }
  }

  function read(query: SeriesQuery): SeriesRow[] {
    const measurement = measurementNamed(catalogue, query.measurement ?? MEASUREMENT);
    const table = tables.get(measurement.name)!;
    const matches = matcherOf(query.filters);
    table.refresh();

    function addTo(builder: SeriesBuilder, time: number, sums: readonly SeriesSum[]): void {
      const tags = table.tags(new Set(sums.map(({ series }) => series)));
      for (const { series, fields } of sums) {
        const ofSeries = tags.get(series)!;
        if (matches(ofSeries)) builder.add(time, ofSeries, fields);
      }
    }

    function groupsOf(block: CachedBlock): readonly GroupSum[] {
      const key = JSON.stringify([query.by, query.filters]);
      const known = block.groups.get(key);
      if (known) return known;
      const builder = createSeriesBuilder({ step: 'day', zone: 'UTC', by: query.by });
      addTo(builder, 0, block.sums);
      const groups = builder.rows().map(({ tags, total }) => ({ tags, fields: total }));
      block.groups.set(key, groups);
      block.rows += groups.length;
      return groups;
    }

    const builder = createSeriesBuilder(query);
    // A block may reach beyond the range of the query.
    const reach = { start: query.start - 2 * DAY, end: query.end + 2 * DAY };
    const changes = changesOf(file, measurement.name, reach);
    for (const part of partsOf(query, newestTime(file, measurement))) {
      if (isLate()) throw tooLate();
      if (query.step === 'hour') {
        for (const { time, sums } of readHours(file, measurement, part)) addTo(builder, time, sums);
        continue;
      }
      const block = blockOf(measurement, part, changes);
      const before = block.rows;
      for (const { tags, fields } of groupsOf(block)) builder.add(part.start, tags, fields);
      if (part.whole) cachedRows += block.rows - before;
    }
    shrink();
    return builder.rows();
  }

  return {
    read: async (query) => file.transaction('DEFERRED', () => read(query)),
    close: () => Promise.resolve(),
  };
}

/** Days of the zone, recent and incomplete ones in pieces, cut to the range of the query. */
function partsOf({ start, end, zone }: SeriesQuery, newest: number): Part[] {
  const parts: Part[] = [];
  for (let day = bucketStart(start, '1d', zone); day < end; day = bucketEnd(day, '1d', zone)) {
    const dayEnd = bucketEnd(day, '1d', zone);
    const isFinal = dayEnd <= newest - RECENT && day >= start && dayEnd <= end;
    const size = isFinal ? Infinity : PIECE;
    for (let from = day; from < dayEnd; from += size) {
      const to = Math.min(from + size, dayEnd);
      const part = { start: Math.max(from, start), end: Math.min(to, end) };
      if (part.start < part.end) {
        parts.push({ ...part, whole: part.start === from && part.end === to });
      }
    }
  }
  return parts;
}

function lastChange(changes: ReadonlyMap<number, number>, { start, end }: Window): number {
  let last = 0;
  for (let hour = Math.floor(start / HOUR); hour * HOUR < end; hour++) {
    last = Math.max(last, changes.get(hour) ?? 0);
  }
  return last;
}

function newestTime(file: SqliteFile, { name }: Measurement): number {
  const [row] = file.all(`SELECT max(time) FROM ${tableOf(name).points}`) as [number | null][];
  return row?.[0] ?? 0;
}

function readBlock(
  file: SqliteFile,
  measurement: Measurement,
  { start, end }: Window,
  change: number,
): CachedBlock {
  const columnSums = measurement.fieldNames.map((field) => `sum(${column(field)})`).join(', ');
  const sql = `SELECT json_group_array(json(sums)) FROM (
    SELECT json_array(series, ${columnSums}) AS sums FROM ${tableOf(measurement.name).points}
    WHERE time >= ? AND time < ? GROUP BY series
  )`;
  const [[text] = ['[]']] = file.all(sql, [start, end]) as [string][];
  const sums = (parseJson(text) as (Count | null)[][]).map((row) => sumOf(measurement, row));
  return { change, sums, groups: new Map(), rows: sums.length };
}

function readHours(
  file: SqliteFile,
  measurement: Measurement,
  { start, end }: Window,
): { readonly time: number; readonly sums: readonly SeriesSum[] }[] {
  const sql = `SELECT time, json_group_array(json_array(series, ${columns(measurement.fieldNames)}))
    FROM ${tableOf(measurement.name).points} WHERE time >= ? AND time < ? GROUP BY time`;
  return (file.all(sql, [start, end]) as [number, string][]).map(([time, text]) => ({
    time,
    sums: (parseJson(text) as (Count | null)[][]).map((row) => sumOf(measurement, row)),
  }));
}

function sumOf(measurement: Measurement, row: readonly (Count | null)[]): SeriesSum {
  return { series: Number(row[0]), fields: namedFields(measurement, row, 1) };
}

function tooLate(): StoreError {
  return new StoreError('unavailable', 'the query took too long', {
    hint: 'Query a shorter range, or days instead of hours.',
  });
}
