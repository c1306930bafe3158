import pLimit from 'p-limit';
import { createConnection } from './influxdb/connection.ts';
import { checkWrite, influxSelfTest, victoriaSelfTest, type SelfTest } from './influxdb/check.ts';
import { detectVersion } from './influxdb/detect.ts';
import type { InfluxOptions, InfluxVersion } from './influxdb/options.ts';
import { createPost } from './influxdb/post.ts';
import { probe } from './influxdb/probe.ts';
import type { QueryContext } from './influxdb/read.ts';
import { influxRemove } from './influxdb/remove.ts';
import { influxPoints, influxSums } from './influxdb/sums.ts';
import { victoriaCapabilities, victoriaPrecheck, victoriaRemarks } from './influxdb/victoria-capabilities.ts';
import { victoriaPoints, victoriaRemove, victoriaSums } from './influxdb/victoria-sums.ts';
import { createWrite, type WriteContext } from './influxdb/write.ts';
import type { Point } from '../usage/point.ts';
import { seriesOfPoints } from './series.ts';
import type { PointQuery, RemoveQuery, Store, SumQuery, SumRow } from './store.ts';

export interface InfluxStore extends Store {
  readonly version: InfluxVersion;
  /** What users of this server should know, one sentence each: for the log at start-up. */
  readonly remarks: readonly string[];
  /** Whether the server would let us write. @throws StoreError of kind `config` where it would not */
  probe(): Promise<void>;
}

/** What differs from one kind of server to another. */
interface Dialect {
  readonly overwrites: boolean;
  readonly remarks: readonly string[];
  readonly selfTest: SelfTest;
  readonly writing: Pick<WriteContext, 'limits' | 'precheck' | 'mergesEqual'>;
  readonly sums: (query: SumQuery) => Promise<SumRow[]>;
  readonly points: (query: PointQuery) => Promise<Point[]>;
  readonly remove: (query: RemoveQuery) => Promise<void>;
}

/**
 * A key of 1.x and 2.x is 65,535 bytes at most, the longest name of a field included.
 * https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
 */
const INFLUX_LIMITS = { value: 65_000, series: 65_500 };
/** A sum over a year of many series takes longer than any write. */
const LONGEST_READ_MS = 60_000;
/** Somebody waits for the answer to a read. */
const READ_ATTEMPTS = 3;
/** The default of -maxLabelValueLen in VictoriaMetrics. */
const VICTORIA_LIMITS = { value: 4_096, series: 65_500 };

/**
 * Opens a store in any InfluxDB, or in a VictoriaMetrics. Asks the server what it is.
 * @throws StoreError of kind `config` where the settings do not fit the server; of kind `unavailable` where it does
 * not answer and the version is not set
 */
export async function openInfluxStore(options: InfluxOptions): Promise<InfluxStore> {
  const {
    now,
    sleep,
    log,
    deadLetters,
    fetch = globalThis.fetch,
    timeoutMs = 10_000,
    attempts = 5,
  } = options;
  const version = await detectVersion(options, { fetch, timeoutMs });
  const connection = createConnection(options, version);
  const retryPolicy = { attempts, sleep, log };
  const queryContext: QueryContext = {
    connection,
    fetch,
    timeoutMs: Math.max(timeoutMs, LONGEST_READ_MS),
    retryPolicy: { ...retryPolicy, attempts: Math.min(attempts, READ_ATTEMPTS) },
  };
  const dialect = version === 'victoriametrics' ? await victoria(queryContext, now) : influx(queryContext);
  const { post, close } = createPost(connection, timeoutMs);
  const write = createWrite({ connection, post, retryPolicy, deadLetters, ...dialect.writing });
  /** One write at a time: no chunk overtakes an older one. */
  const oneByOne = pLimit(1);

  return {
    version,
    description: connection.description,
    identity: connection.identity,
    overwrites: dialect.overwrites,
    remarks: dialect.remarks,
    probe: () => probe(connection, post),
    write: (points, signal = new AbortController().signal) => oneByOne(() => write(points, signal)),
    sums: dialect.sums,
    series: async (query) => seriesOfPoints(query, await dialect.points(query)),
    points: dialect.points,
    remove: (query) => oneByOne(() => dialect.remove(query)),
    async check() {
      return [...dialect.remarks, ...(await checkWrite(queryContext, post, dialect.selfTest, now()))];
    },
    async close() {
      await oneByOne(close);
    },
  };
}

function influx(queryContext: QueryContext): Dialect {
  // https://docs.influxdata.com/influxdb3/core/reference/line-protocol/#duplicate-points
  const overwrites = queryContext.connection.version !== '3';
  return {
    overwrites,
    remarks: overwrites
      ? []
      : ['InfluxDB 3 does not overwrite a point dependably: only buckets that have settled are written'],
    selfTest: influxSelfTest(queryContext),
    writing: { limits: INFLUX_LIMITS, mergesEqual: !overwrites },
    sums: (query) => influxSums(queryContext, query),
    points: (query) => influxPoints(queryContext, query),
    remove: (query) => influxRemove(queryContext, query),
  };
}

async function victoria(queryContext: QueryContext, now: () => number): Promise<Dialect> {
  const capabilities = await victoriaCapabilities(queryContext);
  return {
    overwrites: capabilities.deduplicates && capabilities.keepsLarger,
    remarks: victoriaRemarks(capabilities),
    selfTest: victoriaSelfTest(queryContext, capabilities.separator),
    writing: { limits: VICTORIA_LIMITS, mergesEqual: true, precheck: victoriaPrecheck(capabilities, now) },
    sums: (query) => victoriaSums(queryContext, query, capabilities.separator),
    points: (query) => victoriaPoints(queryContext, query, capabilities.separator),
    remove: (query) => victoriaRemove(queryContext, query, capabilities.separator),
  };
}
