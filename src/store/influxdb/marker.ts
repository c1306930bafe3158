import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { StoreError } from '../store.ts';
import type { Connection } from './connection.ts';
import { identifier, influxql } from './influxql.ts';
import { compress, type Post } from './post.ts';
import type { QueryContext } from './read.ts';
import { Unavailable } from './unavailable.ts';
import { victoriaExport } from './victoria-sums.ts';
import { classifyResponse } from './write-outcome.ts';
import { DAY } from '../../windows/units.ts';

const MEASUREMENT = 'tokentide_store';
/** The year 2100: no retention policy removes it. */
const FAR = 4_102_444_800;
const DAY_MS = DAY * 1000;

/**
 * The id of a store, which identifies it under any address: one point of a separate measurement, written after the
 * first points of a store without one.
 */
export interface Marker {
  /** Undefined until it has been read or written. */
  readonly id: string | undefined;
  /** Reads the id; leaves it undefined if that fails. */
  load(): Promise<void>;
  /** Creates the id if the store has none. Call it after a write; it never fails, a later call tries again. */
  ensure(): Promise<void>;
}

/** How a kind of server stores the id. */
export interface MarkerAccess {
  /** Undefined if the store has none. @throws StoreError */
  read(): Promise<string | undefined>;
  /** Its line protocol; `seconds` is the current time. */
  line(id: string, seconds: number): string;
  /** True if retention removes it, so that it is written every day. */
  readonly expires: boolean;
}

export function createMarker(
  access: MarkerAccess,
  post: Post,
  connection: Connection,
  now: () => number,
): Marker {
  let id: string | undefined;
  let nextWrite = 0;

  async function read(): Promise<string | undefined> {
    id = (await access.read()) ?? id;
    return id;
  }

  async function write(value: string): Promise<void> {
    const body = await compress(Buffer.from(`${access.line(value, Math.floor(now() / 1_000))}\n`));
    const outcome = classifyResponse(await post(body, new AbortController().signal), connection);
    if (outcome.kind === 'accepted') id = value;
  }

  return {
    get id() {
      return id;
    },
    load: () => tolerant(async () => void (await read())),
    async ensure() {
      if (now() < nextWrite || (id !== undefined && !access.expires)) return;
      nextWrite = now() + DAY_MS;
      // Read first: a write would replace an existing id.
      await tolerant(async () => {
        const found = await read();
        if (found === undefined || access.expires) await write(found ?? randomUUID());
      });
      if (id === undefined) nextWrite = now() + DAY_MS / 24;
    },
  };
}

/** Errors are ignored: a store without an id is identified by its address. */
async function tolerant(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
}

export function influxMarker(context: QueryContext): MarkerAccess {
  return {
    expires: false,
    async read() {
      const statement = `SELECT "id" FROM ${identifier(MEASUREMENT)} WHERE time = ${FAR}s`;
      const [series] = await influxql(context, statement);
      const id = series?.values[0]?.[series.columns.indexOf('id')];
      return typeof id === 'string' ? id : undefined;
    },
    line: (id) => `${MEASUREMENT} id="${id}" ${FAR}`,
  };
}

const Exported = z.object({ metric: z.object({ id: z.string().optional() }) });

export function victoriaMarker(context: QueryContext, separator: () => Promise<string>): MarkerAccess {
  return {
    expires: true,
    async read() {
      const form = { 'match[]': `${MEASUREMENT}${await separator()}value`, start: '0' };
      const ids = await victoriaExport<string[]>(
        context,
        form,
        () => [],
        (found, document) => {
          const id = Exported.safeParse(document).data?.metric.id;
          if (id) found.push(id);
        },
      );
      // Two processes may each have written one: all use the same.
      return ids.toSorted()[0];
    },
    line: (id, seconds) => `${MEASUREMENT},id=${id} value=1 ${seconds}`,
  };
}

/**
 * Finds a wrong name of a database, which InfluxDB 3 would create on the first write. A server that is down is ignored.
 * @throws StoreError of kind `config`
 */
export async function requireDatabase(context: QueryContext): Promise<void> {
  try {
    await influxMarker(context).read();
  } catch (error) {
    const missing =
      error instanceof StoreError &&
      !(error instanceof Unavailable) &&
      /database not found/i.test(error.message);
    if (missing) throw error;
  }
}
