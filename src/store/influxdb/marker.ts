import { randomUUID } from 'node:crypto';
import { escape, unescape } from 'node:querystring';
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
 * The id of a store, which identifies it under any address: a separate measurement with one series per id and address,
 * written after the first points under each address.
 */
export interface Marker {
  /** Undefined until it has been read or written. */
  readonly id: string | undefined;
  /** All ids and the addresses under which points were written: a job may be recorded with any of them. */
  readonly formerIdentities: readonly string[];
  /** Reads the id; leaves it undefined if that fails. */
  load(): Promise<void>;
  /** Creates the id if the store has none, and adds the address. Call it after a write; it never fails, a later call tries again. */
  ensure(): Promise<void>;
}

/** One series of the marker. */
interface Entry {
  readonly id: string;
  readonly address: string;
}

const Tags = z.object({ id: z.string().optional(), address: z.string().optional() });

/** How a kind of server stores the id. */
export interface MarkerAccess {
  /** @throws StoreError */
  read(): Promise<Entry[]>;
  /** Unix seconds of its point; `seconds` is the current time. */
  time(seconds: number): number;
  /** True if retention removes it, so that it is written every day. */
  readonly expires: boolean;
}

export function createMarker(
  access: MarkerAccess,
  post: Post,
  connection: Connection,
  now: () => number,
): Marker {
  const address = connection.identity;
  let entries: readonly Entry[] = [];
  let nextWrite = 0;
  /** Two processes may each have created an id: all use the same. */
  const idOf = (): string | undefined => entries.map(({ id }) => id).toSorted()[0];
  const isComplete = (): boolean => entries.some((entry) => entry.id === idOf() && entry.address === address);

  async function read(): Promise<void> {
    const found = await access.read();
    if (found.length > 0) entries = found;
  }

  async function write(entry: Entry): Promise<void> {
    const body = await compress(Buffer.from(`${lineOf(entry, access.time(Math.floor(now() / 1_000)))}\n`));
    const outcome = classifyResponse(await post(body, new AbortController().signal), connection);
    if (outcome.kind === 'accepted') entries = [...entries, entry];
  }

  return {
    get id() {
      return idOf();
    },
    get formerIdentities() {
      return [...new Set(entries.flatMap((entry) => [`influxdb:${entry.id}`, entry.address]))];
    },
    load: () => tolerant(read),
    async ensure() {
      if (now() < nextWrite || (isComplete() && !access.expires)) return;
      nextWrite = now() + DAY_MS;
      // Read first: the store may have an id by now.
      await tolerant(async () => {
        await read();
        if (!isComplete() || access.expires) await write({ id: idOf() ?? randomUUID(), address });
      });
      if (idOf() === undefined) nextWrite = now() + DAY_MS / 24;
    },
  };
}

/** An address may contain any character, so it is percent-encoded. */
function lineOf({ id, address }: Entry, time: number): string {
  return `${MEASUREMENT},address=${escape(address)},id=${id} value=1 ${time}`;
}

function entriesOf({ id, address = '' }: z.infer<typeof Tags>): Entry[] {
  return id ? [{ id, address: unescape(address) }] : [];
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
      const statement = `SELECT "value" FROM ${identifier(MEASUREMENT)} WHERE time = ${FAR}s GROUP BY "address","id"`;
      return (await influxql(context, statement)).flatMap(({ tags }) => entriesOf(tags));
    },
    time: () => FAR,
  };
}

const Exported = z.object({ metric: Tags });

export function victoriaMarker(context: QueryContext, separator: () => Promise<string>): MarkerAccess {
  return {
    expires: true,
    async read() {
      // To the end of time: the clock of the server may be behind.
      const form = { 'match[]': `${MEASUREMENT}${await separator()}value`, start: '0', end: String(FAR) };
      return victoriaExport<Entry[]>(
        context,
        form,
        () => [],
        (found, document) => found.push(...entriesOf(Exported.safeParse(document).data?.metric ?? {})),
      );
    },
    time: (seconds) => seconds,
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
