import { addCounts } from '../usage/count.ts';
import { sumRecords } from '../usage/aggregate.ts';
import type { Fields } from '../usage/point.ts';
import type { Window } from '../windows/window.ts';
import { faultyRows, type FaultPlan } from './faults.ts';
import { serve, type Simulator, type SimulatorReply, type SimulatorRequest, type Vendor } from './server.ts';
import type { UsageEvent, World } from './world.ts';
import { DAY } from '../windows/units.ts';

export interface R9sSimulatorOptions {
  /** Events with `input_tokens` (cached included), `output_tokens` and perhaps `cached_input_tokens`. */
  readonly world: World;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly managementKey: string;
  /** `list`: a row per request. `records`: a total per UTC day and model. */
  readonly shape: 'records' | 'list';
  /**
   * What a record of `shape: 'records'` sums: the requests of its day inside the requested range (the default), or
   * those of its whole day, whatever part of it was requested.
   */
  readonly recordsOf?: 'range' | 'day';
  /** The maximum rows per page, whatever `pagesize` says. */
  readonly maxPageSize: number;
  /** Whether `end_time` belongs to the range. */
  readonly rangeEnd?: 'exclusive' | 'inclusive';
  readonly port?: number;
  readonly faults?: FaultPlan;
}

const PATH = '/usage';
const DEFAULT_PAGE_SIZE = 20;

/** Fields of one request: a quarter of the input is cached. */
export function r9sFields(input: number, output: number): Fields {
  const cached = Math.floor(input / 4);
  return { input_tokens: input, cached_input_tokens: cached, output_tokens: output, requests: 1 };
}

/** R9S's management API: `GET /usage` in either of its shapes. */
export function r9sSimulator(options: R9sSimulatorOptions): Promise<Simulator> {
  const shown = new Set<string>();
  const vendor: Vendor = {
    action: ({ url }) => url.pathname.slice(1),
    handle: (request) => answer(request, options, shown),
    busy: () => refuse(500, 'internal error', 200),
    internalError: () => refuse(500, 'internal error'),
    refuse: (_, reason) => refuse(400, reason),
  };
  return serve(vendor, {
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.faults ? { faults: options.faults } : {}),
  });
}

function answer(request: SimulatorRequest, options: R9sSimulatorOptions, shown: Set<string>): SimulatorReply {
  const { authorization = '' } = request.headers;
  if (!authorization.startsWith('Bearer sk_mg_')) return refuse(401, 'Invalid API key format');
  if (authorization !== `Bearer ${options.managementKey}`) return refuse(401, 'API key not found');
  if (request.method !== 'GET' || request.url.pathname !== PATH) return refuse(404, 'not found');

  const query = request.url.searchParams;
  const start = Number(query.get('start_time') ?? Number.NaN);
  const end = Number(query.get('end_time') ?? Number.NaN);
  const page = Number(query.get('page') ?? 1);
  const size = Math.min(Number(query.get('pagesize') ?? DEFAULT_PAGE_SIZE), options.maxPageSize);
  if (!(start < end)) return refuse(400, 'start_time must be before end_time');
  if (!(page >= 1 && size >= 1)) return refuse(400, 'page and pagesize must be positive');

  const window = { start, end: options.rangeEnd === 'inclusive' ? end + 1 : end };
  const visible = (range: Window): UsageEvent[] =>
    options.world.visible(range, Math.floor(options.now() / 1000));
  if (options.shape === 'list') return listPage(visible(window).toReversed(), page, size, request, shown);
  const days = { start: dayOf(window.start), end: dayOf(window.end - 1) + DAY };
  return recordsPage(visible(options.recordsOf === 'day' ? days : window), page, size, request);
}

function dayOf(time: number): number {
  return Math.floor(time / DAY) * DAY;
}

/** Newest first. */
function listPage(
  events: readonly UsageEvent[],
  page: number,
  size: number,
  { fault }: SimulatorRequest,
  shown: Set<string>,
): SimulatorReply {
  const newest = events[0];
  const last = page * size >= events.length;
  // The newest request arrives after this page and shifts the next one by a row.
  const late = fault === 'shifting_pages' && !last && newest !== undefined && !shown.has(newest.id);
  const present = late ? events.slice(1) : events;
  const rows = present.slice((page - 1) * size, page * size);
  for (const row of rows) shown.add(row.id);
  if (fault === 'duplicate_rows') rows.push(...rows.slice(0, 1));
  const list = rows.map(rowOf);
  for (const [i, { model, count }] of faultyRows(fault).entries())
    list.push({ ...list[0], id: `faulty-${i}`, model, input_token: count, cached_token: 0 });
  return reply(0, { list, total: present.length + list.length - rows.length });
}

function rowOf({ id, time, tags, fields }: UsageEvent): object {
  const cached = fields.cached_input_tokens ?? 0;
  return {
    id,
    request_time: time,
    // The owner of the key is not the user of the request.
    user_id: tags.user ? 'u-owner' : '',
    custom_user_id: tags.user ?? '',
    token_id: tags.key ?? '',
    model: tags.model ?? '',
    input_token: BigInt(fields.input_tokens ?? 0) - BigInt(cached),
    cached_token: cached,
    output_token: fields.output_tokens ?? 0,
  };
}

function recordsPage(
  events: readonly UsageEvent[],
  page: number,
  size: number,
  { fault }: SimulatorRequest,
): SimulatorReply {
  const sums = sumRecords(
    events.map(({ time, tags, fields }) => ({
      time: dayOf(time),
      tags: tags.model ? { model: tags.model } : {},
      fields: { total_tokens: addCounts(fields.input_tokens ?? 0, fields.output_tokens ?? 0) },
    })),
  );
  const all = sums.map(({ time, tags, fields }) => ({
    timestamp: time,
    tokens: fields.total_tokens ?? 0,
    model: tags.model ?? '',
  }));
  const records = all.slice((page - 1) * size, page * size);
  if (fault === 'duplicate_rows') records.push(...records.slice(0, 1));
  for (const { model, count } of faultyRows(fault))
    records.push({ timestamp: all[0]?.timestamp ?? 0, tokens: count, model });
  const total = all.reduce<number | bigint>((sum, { tokens }) => addCounts(sum, tokens), 0);
  return reply(200, { records, total_tokens: total });
}

function reply(code: number, data: object): SimulatorReply {
  return { status: 200, body: { meta: { code, message: 'success', request_id: 'simulated' }, data } };
}

function refuse(code: number, message: string, status = code): SimulatorReply {
  return { status, body: { meta: { code, message, request_id: 'simulated' } } };
}
