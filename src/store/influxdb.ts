import pLimit from 'p-limit';
import { CATALOGUE } from '../usage/catalogue.ts';
import type { Point } from '../usage/point.ts';
import { checkWrite, influxSelfTest, victoriaSelfTest, type SelfTest } from './influxdb/check.ts';
import { createConnection } from './influxdb/connection.ts';
import { detectVersion } from './influxdb/detect.ts';
import {
  createMarker,
  influxMarker,
  requireDatabase,
  victoriaMarker,
  type MarkerAccess,
} from './influxdb/marker.ts';
import type { InfluxOptions, InfluxVersion } from './influxdb/options.ts';
import { createPost } from './influxdb/post.ts';
import { probe } from './influxdb/probe.ts';
import type { QueryContext } from './influxdb/read.ts';
import { influxSeries } from './influxdb/influx-series.ts';
import { influxRemove } from './influxdb/remove.ts';
import { influxPoints, influxSums } from './influxdb/sums.ts';
import { Unavailable } from './influxdb/unavailable.ts';
import {
  victoriaCapabilities,
  victoriaPrecheck,
  victoriaRemarks,
  type VictoriaCapabilities,
} from './influxdb/victoria-capabilities.ts';
import { victoriaPoints, victoriaRemove, victoriaSeries, victoriaSums } from './influxdb/victoria-sums.ts';
import { createWrite, type WriteContext } from './influxdb/write.ts';
import type { SeriesQuery, SeriesRow } from './series-query.ts';
import type { PointQuery, RemoveQuery, Store, SumQuery, SumRow, WriteResult } from './store.ts';

export interface InfluxStore extends Store {
  readonly version: InfluxVersion;
  /** Remarks for the users of this server, one sentence each, logged at the start. */
  readonly remarks: readonly string[];
  /** Checks login and database without writing. @throws StoreError of kind `config` */
  probe(): Promise<void>;
}

/** The differences between the kinds of servers. */
interface Dialect {
  readonly overwrites: boolean;
  readonly deletes: boolean;
  readonly remarks: readonly string[];
  readonly writing: Pick<WriteContext, 'limits' | 'precheck' | 'mergesEqual'>;
  readonly marker: MarkerAccess;
  /** Reads the capabilities that a write depends on. @throws StoreError */
  load(): Promise<void>;
  /** Checks what the general probe cannot. @throws StoreError of kind `config` */
  probe(): Promise<void>;
  selfTest(): Promise<SelfTest>;
  sums(query: SumQuery): Promise<SumRow[]>;
  series(query: SeriesQuery): Promise<SeriesRow[]>;
  points(query: PointQuery): Promise<Point[]>;
  remove(query: RemoveQuery): Promise<void>;
}

/**
 * 1.x and 2.x: a key has at most 65,535 bytes, including the longest name of a field.
 * https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
 */
const INFLUX_LIMITS = { value: 65_000, series: 65_500 };
/** VictoriaMetrics: the default of -maxLabelValueLen. */
const VICTORIA_LIMITS = { value: 4_096, series: 65_500 };
/** A sum over a year of many series takes longer than a write. */
const LONGEST_READ_MS = 60_000;
/** Fewer than for writes, because a user waits for the answer. */
const READ_ATTEMPTS = 3;

/**
 * Opens a store in any InfluxDB, or in a VictoriaMetrics, after asking the server for its version.
 * @throws StoreError of kind `config` if the settings do not fit the server; of kind `unavailable` if it does not
 * answer and no version is set
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
    catalogue = CATALOGUE,
  } = options;
  const version = await detectVersion(options, { fetch, timeoutMs });
  const connection = createConnection(options, version);
  const retryPolicy = { attempts, sleep, log };
  const queryContext: QueryContext = {
    connection,
    catalogue,
    fetch,
    timeoutMs: Math.max(timeoutMs, LONGEST_READ_MS),
    retryPolicy: { ...retryPolicy, attempts: Math.min(attempts, READ_ATTEMPTS) },
  };
  /** For requests at the start: without retries, so that a server that is down does not delay it. */
  const onceOnly: QueryContext = { ...queryContext, timeoutMs, retryPolicy: { ...retryPolicy, attempts: 1 } };
  const dialect =
    version === 'victoriametrics' ? victoria(queryContext, onceOnly, now) : influx(queryContext, onceOnly);
  const { post, close } = createPost(connection, timeoutMs);
  const write = createWrite({ connection, catalogue, post, retryPolicy, deadLetters, ...dialect.writing });
  const marker = createMarker(dialect.marker, post, connection, now);
  /** Writes are sequential, so that no chunk overtakes an older one. */
  const oneByOne = pLimit(1);

  async function writePoints(points: readonly Point[], signal: AbortSignal): Promise<WriteResult> {
    try {
      await dialect.load();
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      return { accepted: 0, rejected: [], kept: points, error };
    }
    const result = await write(points, signal);
    if (result.accepted > 0) await marker.ensure();
    return result;
  }

  try {
    await dialect.load();
    await marker.load();
  } catch (error) {
    // The daemon starts while the server is down; the points are kept.
    if (!(error instanceof Unavailable)) throw error;
  }

  return {
    version,
    description: connection.description,
    get identity() {
      return marker.id === undefined ? connection.identity : `influxdb:${marker.id}`;
    },
    get formerIdentities() {
      return [connection.identity, ...marker.formerIdentities];
    },
    get overwrites() {
      return dialect.overwrites;
    },
    deletes: dialect.deletes,
    get remarks() {
      return dialect.remarks;
    },
    async probe() {
      await dialect.probe();
      await probe(connection, post);
    },
    write: (points, signal = new AbortController().signal) => oneByOne(() => writePoints(points, signal)),
    sums: (query) => dialect.sums(query),
    series: (query) => dialect.series(query),
    points: (query) => dialect.points(query),
    remove: (query) => oneByOne(() => dialect.remove(query)),
    async check() {
      await dialect.probe();
      const left = await checkWrite(queryContext, post, await dialect.selfTest(), now());
      return [...dialect.remarks, ...left];
    },
    async close() {
      await oneByOne(close);
    },
  };
}

function influx(queryContext: QueryContext, onceOnly: QueryContext): Dialect {
  const isVersion3 = queryContext.connection.version === '3';
  return {
    // https://docs.influxdata.com/influxdb3/core/reference/line-protocol/#duplicate-points
    overwrites: !isVersion3,
    deletes: !isVersion3,
    remarks: isVersion3
      ? ['InfluxDB 3 does not overwrite a point reliably: only buckets that are final are written']
      : [],
    writing: { limits: INFLUX_LIMITS, mergesEqual: isVersion3 },
    marker: influxMarker(onceOnly),
    load: () => Promise.resolve(),
    probe: () => (isVersion3 ? requireDatabase(onceOnly) : Promise.resolve()),
    selfTest: () => Promise.resolve(influxSelfTest(queryContext)),
    sums: (query) => influxSums(queryContext, query),
    series: (query) => influxSeries(queryContext, query),
    points: (query) => influxPoints(queryContext, query),
    remove: (query) => influxRemove(queryContext, query),
  };
}

function victoria(queryContext: QueryContext, onceOnly: QueryContext, now: () => number): Dialect {
  let capabilities: VictoriaCapabilities | undefined;
  const load = async (): Promise<VictoriaCapabilities> =>
    (capabilities ??= await victoriaCapabilities(onceOnly));
  const separator = async (): Promise<string> => (await load()).separator;
  return {
    // False while the capabilities are unknown: growing points must not reach a server that adds them up.
    get overwrites() {
      return capabilities !== undefined && capabilities.deduplicates && capabilities.keepsLarger;
    },
    deletes: true,
    get remarks() {
      return capabilities
        ? victoriaRemarks(capabilities)
        : ['VictoriaMetrics does not answer: its flags are read before the first write'];
    },
    writing: {
      limits: VICTORIA_LIMITS,
      mergesEqual: true,
      precheck: (point) => capabilities && victoriaPrecheck(capabilities, now)(point),
    },
    marker: victoriaMarker(onceOnly, separator),
    load: async () => void (await load()),
    probe: () => Promise.resolve(),
    selfTest: async () => victoriaSelfTest(queryContext, await separator()),
    sums: async (query) => victoriaSums(queryContext, query, await separator()),
    series: async (query) => victoriaSeries(queryContext, query, await separator()),
    points: async (query) => victoriaPoints(queryContext, query, await separator()),
    remove: async (query) => victoriaRemove(queryContext, query, await separator()),
  };
}
