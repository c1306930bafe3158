import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { sumRecords } from '../usage/aggregate.ts';
import { parseJson } from '../usage/json.ts';
import { faultyRows, type FaultPlan } from './faults.ts';
import { serve, type Simulator, type SimulatorReply, type SimulatorRequest } from './server.ts';
import type { UsageEvent, World } from './world.ts';
import { DAY } from '../windows/units.ts';

interface TraeMember {
  readonly id: number;
  readonly email: string;
}

export interface TraeSimulatorOptions {
  /** Events with the tags `user` (an e-mail address), `model`, `model_type` and `model_source`. */
  readonly world: World;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly appId: string;
  readonly appSecret: string;
  readonly members: readonly TraeMember[];
  /** Members who are listed, but whose presence makes a request refused. */
  readonly poisoned?: readonly string[];
  /** Members for whom the vendor always fails. Read at every request, so that a test may change it. */
  readonly broken?: readonly string[];
  /** Whether an event at exactly `end_time` counts. `exclusive` by default. */
  readonly rangeEnd?: 'exclusive' | 'inclusive';
  /** Lifetime of a token; 7,200 by default. */
  readonly tokenSeconds?: number;
  readonly port?: number;
  readonly faults?: FaultPlan;
}

const TOKEN = '/openapi/v1/auth/token';
const USERS = '/openapi/v1/users';
const USAGE = '/openapi/v1/statistics/user-model-usage';
const ACTIONS: Readonly<Record<string, string>> = {
  [TOKEN]: 'auth-token',
  [USERS]: 'users',
  [USAGE]: 'user-model-usage',
};

const LONGEST_SPAN = 180 * DAY;
const MOST_MEMBERS = 100;
const MOST_PER_PAGE = 500;
/** Faults skipped after a token was invalidated: if no new token ever worked, nothing could be read. */
const SPARED = 3;

const Credentials = z.object({ app_id: z.string(), app_secret: z.string() });
const Ids = z.array(z.union([z.int(), z.bigint()]).transform(Number));
const Query = z.object({
  start_time: z.int(),
  end_time: z.int(),
  emails: z.array(z.string()).optional(),
  user_ids: Ids.optional(),
});

/** Trae's enterprise API (https://docs.trae.cn/enterprise_get-model-usage-for-users) on loopback. */
export function traeSimulator(options: TraeSimulatorOptions): Promise<Simulator> {
  /** Expiry of each token, milliseconds. */
  const tokens = new Map<string, number>();
  /** Faults left that do not invalidate a token. */
  let spared = 0;

  function issueToken(body: string): SimulatorReply {
    const given = Credentials.safeParse(parseJson(body));
    const { app_id, app_secret } = given.data ?? {};
    if (app_id !== options.appId || app_secret !== options.appSecret) {
      return failed(1001, 'app_id or app_secret is invalid');
    }
    const token = randomBytes(24).toString('hex');
    const expire = options.tokenSeconds ?? 7200;
    tokens.set(token, options.now() + expire * 1000);
    return { status: 200, body: { code: 0, message: 'success', access_token: token, expire } };
  }

  function isAuthorised({ headers, fault }: SimulatorRequest): boolean {
    const [scheme, token] = headers['authorization']?.split(' ') ?? [];
    const until = tokens.get(token ?? '');
    if (scheme !== 'Bearer' || until === undefined || until <= options.now()) return false;
    if (fault !== 'expired_token' || spared-- > 0) return true;
    spared = SPARED;
    return false;
  }

  function listUsers({ url, fault }: SimulatorRequest): SimulatorReply {
    const page = Number(url.searchParams.get('page') ?? 1);
    const page_size = Number(url.searchParams.get('page_size') ?? 100);
    if (!(page >= 1 && page_size >= 1 && page_size <= MOST_PER_PAGE)) return failed(4001, 'bad page');
    // A member was added or removed since the previous page.
    const shift = fault === 'shifting_pages' && page > 1 ? (page % 2 === 0 ? 1 : -1) : 0;
    const from = (page - 1) * page_size + shift;
    const items = options.members.slice(from, from + page_size).map(({ id, email }) => ({
      user_id: id,
      user_name: email.split('@')[0],
      email,
      role: 'member',
      status: 'active',
    }));
    const total = options.members.length;
    const total_pages = Math.ceil(total / page_size);
    return succeeded({ items, pagination: { page, page_size, total, total_pages } });
  }

  function usage({ body, fault }: SimulatorRequest): SimulatorReply {
    const query = Query.safeParse(parseJson(body));
    if (!query.success) return failed(4001, 'invalid parameters');
    const { start_time, end_time } = query.data;
    if (end_time < start_time || end_time - start_time > LONGEST_SPAN) {
      return failed(4001, 'the range may span 180 days at most');
    }
    const emails = query.data.user_ids?.map(emailOf) ?? query.data.emails?.map(spellingOf) ?? [];
    if (emails.length === 0 || emails.length > MOST_MEMBERS) {
      return failed(4001, `1 to ${MOST_MEMBERS} members may be requested`);
    }
    if (emails.some((email) => email === undefined || options.poisoned?.includes(email))) {
      return failed(30007, 'user not found');
    }
    if (emails.some((email) => email !== undefined && options.broken?.includes(email)))
      return internalError();
    const end = options.rangeEnd === 'inclusive' ? end_time + 1 : end_time;
    const events = options.world.visible({ start: start_time, end }, Math.floor(options.now() / 1000));
    const items = itemsOf(events, new Set(emails));
    const model_usage = faultyRows(fault).map(({ model, count }) => ({
      model_name: model,
      model_type: 'Chat',
      model_source: 'Trae',
      usage: { input_tokens: count, output_tokens: 0 },
    }));
    if (model_usage.length > 0) items.push({ email: emails[0], model_usage });
    return succeeded({ items });
  }

  function emailOf(id: number): string | undefined {
    return options.members.find((member) => member.id === id)?.email;
  }

  function spellingOf(requested: string): string | undefined {
    return options.members.find(({ email }) => email.toLowerCase() === requested.toLowerCase())?.email;
  }

  return serve(
    {
      action: ({ url }) => ACTIONS[url.pathname] ?? 'unknown',
      handle: (request) => {
        const { pathname } = request.url;
        const expected = pathname === USERS ? 'GET' : 'POST';
        if (!ACTIONS[pathname] || request.method !== expected) {
          return { status: 404, body: { code: 404, message: 'not found' } };
        }
        if (pathname === TOKEN) return issueToken(request.body);
        if (!isAuthorised(request)) return failed(1002, 'access token is invalid or has expired');
        return pathname === USERS ? listUsers(request) : usage(request);
      },
      busy: () => failed(64290, 'too many requests'),
      internalError,
      refuse: (_, reason) => failed(4001, reason),
    },
    {
      ...(options.port !== undefined && { port: options.port }),
      ...(options.faults && { faults: options.faults }),
    },
  );
}

/** One item per member with usage, one entry per model, its events summed. */
function itemsOf(events: readonly UsageEvent[], emails: ReadonlySet<string | undefined>): unknown[] {
  const own = events.filter(({ tags }) => emails.has(tags.user));
  const items = new Map<string | undefined, unknown[]>();
  for (const { tags, fields } of sumRecords(own.map((event) => ({ ...event, time: 0 })))) {
    const entries = items.get(tags.user) ?? [];
    items.set(tags.user, entries);
    entries.push({
      model_name: tags.model,
      model_type: tags.model_type,
      model_source: tags.model_source,
      usage: { input_tokens: fields.input_tokens, output_tokens: fields.output_tokens },
    });
  }
  return [...items].map(([email, model_usage]) => ({ email, model_usage }));
}

function succeeded(data: unknown): SimulatorReply {
  return { status: 200, body: { code: 0, message: 'success', request_id: requestId(), data } };
}

function internalError(): SimulatorReply {
  return { ...failed(2001, 'internal error'), status: 500 };
}

/** Trae reports errors with HTTP 200. */
function failed(code: number, message: string): SimulatorReply {
  return { status: 200, body: { code, message, request_id: requestId() } };
}

function requestId(): string {
  return `req_${randomBytes(6).toString('hex')}`;
}
