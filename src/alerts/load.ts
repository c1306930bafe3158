import type { Store } from '../store/store.ts';
import { withTokens } from '../usage/aggregate.ts';
import type { Field, Fields, Tag, Tags } from '../usage/point.ts';
import { bucketStart } from '../windows/calendar.ts';
import { DAY, HOUR } from '../windows/units.ts';
import type { Window } from '../windows/window.ts';
import { SCOPES, type HourlySeries, type Scope } from './types.ts';
import { accountKey } from './accounts.ts';
import { unreadHours } from './unread.ts';

/** What lies before the first judged hour: the baseline of 28 days, and a week more. */
export const HISTORY = 35 * DAY;
/** Length of one query: a day of 3,000 series is some 70,000 points in memory. */
const CHUNK = 2 * DAY;

const FIELD = {
  tokens: 'tokens',
  requests: 'requests',
  input: 'input_tokens',
  output: 'output_tokens',
  cached: 'cached_input_tokens',
} as const satisfies Record<string, Field>;
export type Column = keyof typeof FIELD;
const COLUMNS = Object.keys(FIELD) as Column[];
/** Every scope but the account's total, which all points belong to. */
const TAG_SCOPES = SCOPES.filter((scope) => scope !== 'account');

export interface LoadRange {
  /** `[from, to)`, Unix seconds: the hours to judge. Those of `HISTORY` before are loaded too. */
  readonly from: number;
  readonly to: number;
  /** The hours are those of this zone. */
  readonly zone: string;
}

export interface LoadOptions {
  readonly signal?: AbortSignal;
  /** Called after each query with the share of the range that is read, 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

/** Sums that grow while points are read. */
export interface Sums {
  readonly scope: Scope;
  readonly tags: Partial<Record<Tag, string>>;
  readonly columns: Partial<Record<Column, Float64Array>>;
}

export interface AccountSums {
  readonly tags: Tags;
  /** Hours with a point of any series, even one without tokens. */
  readonly seen: Uint8Array;
  readonly sums: Map<string, Sums>;
}

/**
 * Hourly sums of every account, team, model, user, key and endpoint, from points of any writer.
 *
 * Reads the points once, instead of sums grouped by each tag: a query per scope and account reads all points each time.
 * @throws StoreError
 */
export async function loadSeries(
  store: Pick<Store, 'points'>,
  range: LoadRange,
  options: LoadOptions = {},
): Promise<HourlySeries[]> {
  const start = bucketStart(range.from - HISTORY, '1h', range.zone);
  const accounts = await loadSums(store, { start, end: range.to }, {}, options);
  return accounts.flatMap((account) => seriesOf(account, start, account.seen.length));
}

/** The hourly sums of a range that begins on a full hour. @throws StoreError */
export async function loadSums(
  store: Pick<Store, 'points'>,
  { start, end: to }: Window,
  where: Tags,
  { signal, onProgress }: LoadOptions = {},
): Promise<AccountSums[]> {
  const hours = Math.max(0, Math.ceil((to - start) / HOUR));
  const accounts = new Map<string, AccountSums>();
  for (let from = start; from < to; from += CHUNK) {
    signal?.throwIfAborted();
    const end = Math.min(from + CHUNK, to);
    const points = await store.points({ start: from, end, where: { ...where, bucket: '1h' } });
    const known = new Map<Tags, readonly [AccountSums, readonly Sums[]]>();
    for (const { time, tags, fields } of points) {
      let found = known.get(tags);
      if (!found) known.set(tags, (found = sumsOf(accounts, tags, hours)));
      const [{ seen }, sums] = found;
      const hour = Math.floor((time - start) / HOUR);
      seen[hour] = 1;
      const values = withTokens(fields);
      for (const each of sums) add(each, hour, values, hours);
    }
    onProgress?.((end - start) / (to - start));
  }
  return [...accounts.values()];
}

/** The account of a point, and what the point adds to: the account's total and a series for each tag it has. */
function sumsOf(
  accounts: Map<string, AccountSums>,
  tags: Tags,
  hours: number,
): readonly [AccountSums, readonly Sums[]] {
  const own = pick(tags, ['provider', 'account']);
  const key = accountKey(own);
  const account = accounts.get(key) ?? { tags: own, seen: new Uint8Array(hours), sums: new Map() };
  accounts.set(key, account);
  const sums = [
    sumsNamed(account, 'account', {}),
    ...TAG_SCOPES.flatMap((scope) => (tags[scope] ? sumsNamed(account, scope, pick(tags, [scope])) : [])),
  ];
  const user = sums.find(({ scope }) => scope === 'user');
  // A user who changed teams is in the last one.
  if (user && tags.team) user.tags.team = tags.team;
  return [account, sums];
}

function sumsNamed(account: AccountSums, scope: Scope, tags: Tags): Sums {
  const key = JSON.stringify([scope, tags]);
  const known = account.sums.get(key);
  if (known) return known;
  const sums: Sums = { scope, tags: { ...account.tags, ...tags }, columns: {} };
  account.sums.set(key, sums);
  return sums;
}

/** Sums above 2^53 are rounded, which no verdict depends on. */
function add({ columns }: Sums, hour: number, fields: Fields, hours: number): void {
  for (const column of COLUMNS) {
    const value = fields[FIELD[column]];
    if (value === undefined) continue;
    const values = (columns[column] ??= new Float64Array(hours));
    values[hour]! += Number(value);
  }
}

function seriesOf({ seen, sums }: AccountSums, start: number, hours: number): HourlySeries[] {
  const unread = unreadHours(seen);
  return [...sums.values()].map(({ scope, tags, columns }) => {
    const all = { ...columns, tokens: columns.tokens ?? new Float64Array(hours) };
    for (const values of Object.values(all)) {
      for (const { start: from, end } of unread) values.fill(Number.NaN, from, end);
    }
    return { scope, tags, start, ...all };
  });
}

function pick(tags: Tags, names: readonly Tag[]): Tags {
  return Object.fromEntries(names.flatMap((name) => (tags[name] ? [[name, tags[name]]] : [])));
}
