import { sign } from '../providers/volcengine-ark/sign.ts';
import { sumRecords } from '../usage/aggregate.ts';
import type { UsageRecord } from '../usage/point.ts';
import { faultyRows, type FaultPlan } from './faults.ts';
import { serve, type Simulator, type SimulatorReply, type SimulatorRequest, type Vendor } from './server.ts';
import type { World } from './world.ts';
import { DAY, HOUR } from '../windows/units.ts';

export interface ArkEndpoint {
  readonly id: string;
  readonly project: string;
  readonly model: string;
  readonly version: string;
  /** Has usage but is not listed, as after its deletion. */
  readonly hidden?: boolean;
}

export interface ArkSimulatorOptions {
  /** Events tagged `project`, `endpoint` and `scene`. */
  readonly world: World;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Read at every request, so that a test may change it. */
  readonly endpoints: readonly ArkEndpoint[];
  /** Endpoints for which the vendor always fails. Read at every request. */
  readonly broken?: readonly string[];
  /** Endpoints that are listed, but refused when their usage is requested. Read at every request. */
  readonly poisoned?: readonly string[];
  /** Whether each endpoint has its own series, or all are combined into one total. */
  readonly tagged: boolean;
  readonly port?: number;
  readonly faults?: FaultPlan;
}

const BEIJING = 8 * HOUR;
const LONGEST: Readonly<Record<number, number>> = { [HOUR]: 7 * DAY, [DAY]: 31 * DAY };
const SCENES = ['Ordinary', 'Batch', 'BatchChat'];
const SKEW_MS = 15 * 60_000;
const LARGEST_LIST = 100;
const NAMES = { input_tokens: 'PromptTokens', output_tokens: 'CompletionTokens' } as const;

type Body = Readonly<Record<string, unknown>>;

/** Volcengine Ark's GetUsage and ListEndpoints. Verifies signatures and enforces the limits. */
export function volcengineArkSimulator(options: ArkSimulatorOptions): Promise<Simulator> {
  const vendor: Vendor = {
    action: ({ url }) => url.searchParams.get('Action') ?? '',
    handle: (request) => dated(answer(request, options), options),
    busy: (request) => dated(refuse(request, 200, 'FlowLimitExceeded', 'Too many requests.'), options),
    internalError: (request) => dated(internalError(request), options),
    refuse: (request, reason) => dated(refuse(request, 400, 'InvalidParameter', reason), options),
  };
  return serve(vendor, {
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.faults ? { faults: options.faults } : {}),
  });
}

function answer(request: SimulatorRequest, options: ArkSimulatorOptions): SimulatorReply {
  const query = request.url.searchParams;
  if (request.fault === 'expired_token')
    return refuse(request, 400, 'InvalidTimestamp', 'The signature expired.');
  const unknown = refuseIdentity(request, options);
  if (unknown) return unknown;
  const body = (request.body === '' ? {} : JSON.parse(request.body)) as Body;
  const action = query.get('Version') === '2024-01-01' ? query.get('Action') : undefined;
  if (action === 'GetUsage') return usage(request, body, options);
  if (action === 'ListEndpoints') return endpointPage(request, body, options);
  return refuse(request, 404, 'InvalidActionOrVersion', `No operation ${query.get('Action')}.`);
}

function refuseIdentity(request: SimulatorRequest, options: ArkSimulatorOptions): SimulatorReply | undefined {
  const { authorization = '', 'x-date': date = '' } = request.headers;
  const time = Date.parse(date.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'));
  if (Number.isNaN(time)) return refuse(request, 400, 'MissingRequestInfo', 'X-Date is missing.');
  if (Math.abs(time - options.now()) > SKEW_MS)
    return refuse(request, 400, 'InvalidTimestamp', 'The signature expired.');
  const [, accessKeyId, , region = '', service = ''] =
    /^HMAC-SHA256 Credential=([^/]+)\/([^/]+)\/([^/]+)\/([^/]+)\/request, /.exec(authorization) ?? [];
  if (accessKeyId !== options.accessKeyId)
    return refuse(request, 401, 'InvalidAccessKey', `The access key ${accessKeyId} is not valid.`);
  if (service !== 'ark') return refuse(request, 404, 'ServiceNotFound', `No service ${service}.`);
  const signed = sign(
    { method: request.method as 'POST', url: request.url.href, body: request.body },
    {
      accessKeyId: options.accessKeyId,
      secretAccessKey: options.secretAccessKey,
      sessionToken: request.headers['x-security-token'],
    },
    { region, service, time },
  );
  if (signed['authorization'] === authorization) return undefined;
  return refuse(request, 401, 'SignatureDoesNotMatch', 'The signature does not match.');
}

function usage(request: SimulatorRequest, body: Body, options: ArkSimulatorOptions): SimulatorReply {
  const [start, end, interval] = [
    Number(body['StartTime']),
    Number(body['EndTime']),
    Number(body['Interval']),
  ];
  const project = body['ProjectName'] ?? 'default';
  const scenes = (body['Scenes'] ?? SCENES) as string[];
  const requested = body['EndpointIds'] as string[] | undefined;
  const longest = LONGEST[interval];
  if (!longest) return refuse(request, 400, 'InvalidParameter.Interval', 'The interval is not valid.');
  if (!(start <= end && end - start < longest))
    return refuse(request, 400, 'InvalidParameter.EndTime', 'The time range is not valid.');
  if (requested && requested.length > LARGEST_LIST)
    return refuse(request, 400, 'InvalidParameter.EndpointIds', 'Too many EndpointIds.');
  if (requested?.some((id) => options.poisoned?.includes(id)))
    return refuse(request, 404, 'NotFound.Endpoint', 'An endpoint does not exist.');
  if (requested?.some((id) => options.broken?.includes(id))) return internalError(request);
  if (scenes.some((scene) => !SCENES.includes(scene)))
    return refuse(request, 400, 'InvalidParameter.Scenes', 'A scene is not valid.');

  // Every bucket that starts in [StartTime, EndTime], both inclusive.
  const window = { start: bucketOf(start - 1, interval) + interval, end: bucketOf(end, interval) + interval };
  const records = options.world
    .visible(window, Math.floor(options.now() / 1000))
    .filter(({ tags }) => tags.project === project && scenes.includes(tags.scene ?? 'Ordinary'))
    .filter(({ tags }) => !requested || requested.includes(tags.endpoint ?? ''))
    .map(({ time, tags, fields }): UsageRecord => ({
      time: bucketOf(time, interval),
      tags: {
        ...(options.tagged && requested && tags.endpoint ? { endpoint: tags.endpoint } : {}),
        ...(tags.scene ? { scene: tags.scene } : {}),
      },
      fields,
    }));
  const results = seriesOf(sumRecords(records), request.fault === 'duplicate_rows');
  for (const { model, count } of faultyRows(request.fault)) {
    results[0]?.MetricItems.push({
      Tags: [
        { Key: 'EndpointId', Value: requested?.[0] ?? '' },
        { Key: 'Scene', Value: 'Batch' },
        { Key: 'BatchJobId', Value: `${model}-${results[0].MetricItems.length}` },
      ],
      Values: [{ Timestamp: window.start, Value: count }],
    });
  }
  return ok(request, { UsageResults: results });
}

interface MetricItem {
  readonly Tags: unknown[];
  readonly Values: unknown[];
}

function seriesOf(
  records: readonly UsageRecord[],
  twice: boolean,
): { Name: string; MetricItems: MetricItem[] }[] {
  return (['input_tokens', 'output_tokens'] as const).map((field) => {
    const items = new Map<string, MetricItem>();
    for (const { time, tags, fields } of records) {
      const key = `${tags.endpoint}/${tags.scene}`;
      const item = items.get(key) ?? {
        Tags: [
          { Key: 'AccountId', Value: '2100000000' },
          ...(tags.endpoint ? [{ Key: 'EndpointId', Value: tags.endpoint }] : []),
          ...(tags.scene ? [{ Key: 'Scene', Value: tags.scene }] : []),
        ],
        Values: [],
      };
      item.Values.push({ Timestamp: time, Value: fields[field] ?? 0 });
      items.set(key, item);
    }
    const list = [...items.values()];
    return { Name: NAMES[field], MetricItems: twice ? [...list, ...list] : list };
  });
}

function endpointPage(request: SimulatorRequest, body: Body, options: ArkSimulatorOptions): SimulatorReply {
  const page = Number(body['PageNumber'] ?? 1);
  const size = Number(body['PageSize'] ?? 10);
  if (!(page >= 1) || !(size >= 1) || size > LARGEST_LIST)
    return refuse(request, 400, 'InvalidParameter.PageSize', 'The page is not valid.');
  const all = options.endpoints.filter(
    ({ project, hidden }) => project === (body['ProjectName'] ?? 'default') && !hidden,
  );
  // An endpoint created during the listing shifts the others by one.
  const shift = request.fault === 'shifting_pages' && page > 1 ? 1 : 0;
  const first = (page - 1) * size - shift;
  return ok(request, {
    TotalCount: all.length,
    PageNumber: page,
    PageSize: size,
    Items: all.slice(first, first + size).map(({ id, model, version, project }) => ({
      Id: id,
      Name: `${model} of ${project}`,
      Status: 'Running',
      ProjectName: project,
      ModelReference: { FoundationModel: { Name: model, ModelVersion: version } },
    })),
  });
}

function internalError(request: SimulatorRequest): SimulatorReply {
  return refuse(request, 500, 'InternalError', 'An internal error occurred.');
}

function bucketOf(time: number, interval: number): number {
  return Math.floor((time + BEIJING) / interval) * interval - BEIJING;
}

function ok(request: SimulatorRequest, result: unknown): SimulatorReply {
  return { status: 200, body: { ResponseMetadata: metadata(request), Result: result } };
}

function refuse(request: SimulatorRequest, status: number, code: string, message: string): SimulatorReply {
  return {
    status,
    body: { ResponseMetadata: { ...metadata(request), Error: { Code: code, Message: message } } },
  };
}

function metadata({ url }: SimulatorRequest): object {
  return {
    RequestId: '20261001080000C0FFEE0000000000000001',
    Action: url.searchParams.get('Action'),
    Version: url.searchParams.get('Version'),
    Service: 'ark',
    Region: 'cn-beijing',
  };
}

function dated(reply: SimulatorReply, { now }: ArkSimulatorOptions): SimulatorReply {
  return { ...reply, headers: { date: new Date(now()).toUTCString() } };
}
