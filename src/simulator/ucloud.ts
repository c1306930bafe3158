import { sign } from '../providers/ucloud-dialect/sign.ts';
import { sumRecords } from '../usage/aggregate.ts';
import type { Field, Fields } from '../usage/point.ts';
import { faultyRows, type FaultPlan } from './faults.ts';
import { serve, type Simulator, type SimulatorReply, type SimulatorRequest, type Vendor } from './server.ts';
import type { World } from './world.ts';
import { DAY, HOUR, MINUTE } from '../windows/units.ts';
import type { Window } from '../windows/window.ts';

interface UcloudKey {
  readonly id: string;
  readonly name: string;
  /** The project it belongs to; the default project when absent. */
  readonly project?: string;
}

export interface UcloudSimulatorOptions {
  /** Events tagged `key` and, where known, `model`. */
  readonly world: World;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly publicKey: string;
  readonly privateKey: string;
  /** A longer window times out (RetCode 110). */
  readonly maxWindowSeconds: number;
  /** Read at every request, so that a test may change it. */
  readonly keys: readonly UcloudKey[];
  /** Keys for which the vendor always fails. Read at every request. */
  readonly broken?: readonly string[];
  /** Windows whose usage the vendor does not return for a key. */
  readonly missing?: readonly { readonly key: string; readonly window: Window }[];
  /** Keys that are listed, but refused when their usage is requested. Read at every request. */
  readonly poisoned?: readonly string[];
  /** Named in messages; `UCloud` by default. */
  readonly brand?: string;
  /** The width of a row's time. */
  readonly rowsPer: 'minute' | 'hour' | 'day';
  /** Rows are returned whole if they overlap the requested range, instead of the part inside it. */
  readonly wholeRows?: boolean;
  readonly unit?: 'seconds' | 'milliseconds';
  /** Whether `EndTime` belongs to the range. */
  readonly rangeEnd?: 'exclusive' | 'inclusive';
  /** Totals without `Usages`. */
  readonly totalsOnly?: boolean;
  /** The usage action was withdrawn. */
  readonly withdrawn?: boolean;
  readonly port?: number;
  readonly faults?: FaultPlan;
}

/** The plain-text key in the key list, as in the real one. It must appear nowhere else. */
export const PLAINTEXT_KEY = 'sk-canary-plaintext-inference-key';

const BEIJING = 8 * HOUR;
const WIDTH = { minute: MINUTE, hour: HOUR, day: DAY } as const;
const ROW_TYPES: Readonly<Partial<Record<Field, string>>> = {
  input_tokens: 'in',
  output_tokens: 'out',
  total_tokens: 'total',
  requests: 'request_count',
  images: 'image_generation',
};
const TOTAL_NAMES: Readonly<Partial<Record<Field, string>>> = {
  input_tokens: 'InTotal',
  output_tokens: 'OutTotal',
  total_tokens: 'Total',
  requests: 'RequestTotal',
  images: 'ImageGenerationNum',
};

type Parameters = Readonly<Record<string, string>>;

/** Keys created since the first page was requested: each shifts the others by one. */
interface KeyList {
  shift: number;
}

/** Fields of one request: all row types except images. */
export function ucloudFields(input: number, output: number): Fields {
  return { input_tokens: input, output_tokens: output, total_tokens: input + output, requests: 1 };
}

/** UCloud's GetUMInferTokenUsage and ListUMInferAPIKey, under any of the brands that serve them. */
export function ucloudSimulator(options: UcloudSimulatorOptions): Promise<Simulator> {
  const list: KeyList = { shift: 0 };
  const vendor: Vendor = {
    action: (request) => parametersOf(request)['Action'] ?? '',
    handle: (request) => answer(request, options, list),
    busy: () => unavailable(options),
    internalError: () => unavailable(options),
    refuse: (_, reason) => refuse(230, reason),
  };
  return serve(vendor, {
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.faults ? { faults: options.faults } : {}),
  });
}

/** Keys `key-001`, `key-002` and so on. */
export function manyKeys(count: number): UcloudKey[] {
  return Array.from({ length: count }, (_, i) => {
    const id = `key-${String(i + 1).padStart(3, '0')}`;
    return { id, name: id };
  });
}

/** The query of a GET; the form or the JSON of a POST. */
function parametersOf({ method, url, headers, body }: Omit<SimulatorRequest, 'fault'>): Parameters {
  if (method === 'GET') return Object.fromEntries(url.searchParams);
  if (!headers['content-type']?.startsWith('application/json'))
    return Object.fromEntries(new URLSearchParams(body));
  const members = Object.entries(JSON.parse(body) as Record<string, unknown>);
  return Object.fromEntries(members.map(([name, value]) => [name, String(value)]));
}

function answer(request: SimulatorRequest, options: UcloudSimulatorOptions, list: KeyList): SimulatorReply {
  const parameters = parametersOf(request);
  const { Action, PublicKey, Signature, ProjectId, ...rest } = parameters;
  if (!Action) return refuse(160, 'Missing Action');
  if (!Signature) return refuse(170, 'Missing signature');
  if (PublicKey !== options.publicKey) return refuse(172, 'User not found');
  const { Signature: _, ...signed } = parameters;
  if (sign(signed, options.privateKey) !== Signature) return refuse(171, 'Signature VerifyAC Error');
  const ofProject = options.keys.filter((key) => key.project === ProjectId);
  if (ProjectId !== undefined && ofProject.length === 0)
    return refuse(292, `Project [${ProjectId}] not exists`);
  if (Action === 'ListUMInferAPIKey') return keyPage(rest, ofProject, request, list);
  if (Action === 'GetUMInferTokenUsage' && !options.withdrawn)
    return usage(rest, ofProject, options, request);
  return refuse(161, `Action [${Action}] not found`);
}

function keyPage(
  { Offset = '0', Limit = '20' }: Parameters,
  keys: readonly UcloudKey[],
  { fault }: SimulatorRequest,
  list: KeyList,
): SimulatorReply {
  const limit = Number(Limit);
  if (!(limit >= 1 && limit <= 100)) return refuse(230, 'Params [Limit] not available');
  if (Offset === '0') list.shift = 0;
  else if (fault === 'shifting_pages') list.shift++;
  const offset = Number(Offset) - list.shift;
  const page = keys.slice(offset, offset + limit);
  if (fault === 'duplicate_rows' && page.length < limit) page.push(...page.slice(0, 1));
  return reply('ListUMInferAPIKey', {
    Data: page.map(({ id, name }) => ({ KeyId: id, Name: name, Status: 1, Key: PLAINTEXT_KEY })),
  });
}

function usage(
  { KeyId, Model, StartTime, EndTime }: Parameters,
  keys: readonly UcloudKey[],
  options: UcloudSimulatorOptions,
  { fault }: SimulatorRequest,
): SimulatorReply {
  if (options.broken?.includes(KeyId ?? '')) return unavailable(options);
  if (!keys.some((key) => key.id === KeyId) || options.poisoned?.includes(KeyId ?? ''))
    return refuse(230, 'Params [KeyId] not available');
  const start = Number(StartTime);
  const end = Number(EndTime);
  if (!(start < end)) return refuse(230, 'Params [EndTime] not available');
  const isMissing = options.missing?.some(
    ({ key, window }) => key === KeyId && start < window.end && end > window.start,
  );
  if (isMissing) return refuse(230, 'Params [StartTime] not available');
  if (end - start > options.maxWindowSeconds) return refuse(110, 'API response timeout');

  const width = WIDTH[options.rowsPer];
  const rowOf = (time: number): number => Math.floor((time + BEIJING) / width) * width - BEIJING;
  const exact = { start, end: options.rangeEnd === 'inclusive' ? end + 1 : end };
  const window = options.wholeRows ? { start: rowOf(exact.start), end: rowOf(exact.end - 1) + width } : exact;
  const events = options.world
    .visible(window, Math.floor(options.now() / 1000))
    .filter(({ tags }) => tags.key === KeyId && (Model === undefined || tags.model === Model));
  if (events.length === 0 && faultyRows(fault).length === 0)
    return reply('GetUMInferTokenUsage', { Data: {} });

  const sums = sumRecords(
    events.map(({ time, tags, fields }) => ({
      time: rowOf(time),
      tags: tags.model ? { model: tags.model } : {},
      fields,
    })),
  );
  const [total] = sumRecords(events.map(({ fields }) => ({ time: start, tags: {}, fields })));
  const rows = sums.flatMap(({ time, tags, fields }) =>
    named(fields, ROW_TYPES).map(([Type, Count]) => ({
      Type,
      Count,
      Timestamp: options.unit === 'milliseconds' ? time * 1000 : time,
      ...(tags.model && { Model: tags.model }),
    })),
  );
  for (const { model, count } of faultyRows(fault))
    rows.push({ Type: 'in', Count: count, Timestamp: start, Model: model });
  return reply('GetUMInferTokenUsage', {
    Data: {
      ...Object.fromEntries(named(total?.fields ?? {}, TOTAL_NAMES)),
      ...(!options.totalsOnly && { Usages: rows }),
    },
  });
}

function named(fields: Fields, names: Readonly<Partial<Record<Field, string>>>): [string, number | bigint][] {
  return Object.entries(fields).flatMap(([field, count]) => {
    const name = names[field as Field];
    return name === undefined ? [] : [[name, count]];
  });
}

function reply(action: string, content: object): SimulatorReply {
  return { status: 200, body: { RetCode: 0, Action: `${action}Response`, ...content } };
}

function unavailable({ brand = 'UCloud' }: UcloudSimulatorOptions): SimulatorReply {
  return refuse(150, `${brand} is restoring the service, try again later`);
}

function refuse(code: number, message: string): SimulatorReply {
  return {
    status: 200,
    headers: { 'x-ucloud-request-uuid': 'simulated-request' },
    body: { RetCode: code, Message: message },
  };
}
