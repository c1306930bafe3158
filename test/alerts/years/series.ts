import type { HourlySeries, Scope } from '../../../src/alerts/types.ts';
import type { Random } from '../../../src/simulator/random.ts';
import type { Tags } from '../../../src/usage/point.ts';
import type { PlantedEvent } from './events.ts';
import type { Leaf } from './leaves.ts';
import { noise } from './random.ts';
import type { YearHours } from './work-days.ts';

/** Users move from one model to another within a week that begins at an hour. */
export interface ModelSwitch {
  readonly replaced: string;
  readonly by: string;
  readonly start: number;
}

type Fields = Partial<Record<'tokens' | 'requests' | 'input' | 'output' | 'cached', Float64Array>>;
const FIELDS = ['tokens', 'requests', 'input', 'output', 'cached'] as const;
const WEEK = 7 * 24;

interface OfLeaf {
  readonly leaf: Leaf;
  readonly events: readonly PlantedEvent[];
  readonly year: YearHours;
  readonly unread: Uint8Array;
  readonly random: Random;
}

/** What the provider reports of a leaf: usual use and events, and nothing of hours that were not read. */
export function leafSeries({ leaf, events, year, unread, random }: OfLeaf): HourlySeries {
  const tokens = leaf.tokens.map(Math.round);
  const output = tokens.map((value) => value * Math.min(0.9, leaf.outputShare * noise(random, 0.15)));
  const cached = tokens.map((value, i) => (value - output[i]!) * leaf.cachedShare * (0.9 + 0.1 * random()));
  const requests = tokens.map((value) => Math.ceil((value / leaf.tokensPerRequest) * noise(random, 0.1)));
  for (const { first, extra, outputShare, cachedShare, requestsPerToken } of events)
    for (const [i, more] of extra.entries()) {
      tokens[first + i]! += more;
      output[first + i]! += more * outputShare;
      cached[first + i]! += more * (1 - outputShare) * cachedShare;
      requests[first + i]! += more * requestsPerToken;
    }
  const rounded = output.map(Math.round);
  const fields: Fields = {
    tokens,
    ...(leaf.account.reports.requests && { requests: requests.map(Math.round) }),
    ...(leaf.account.reports.parts && {
      input: tokens.map((value, i) => value - rounded[i]!),
      output: rounded,
      cached: cached.map(Math.floor),
    }),
  };
  for (const values of Object.values(fields))
    for (let i = 0; i < values.length; i++) if (unread[i] === 1) values[i] = Number.NaN;
  return toSeries(leaf.account.scope, leaf.tags, year.start, fields);
}

/** Totals of the teams, the models and the account: exact sums of the leaves. */
export function totalsOf(
  leaves: readonly Leaf[],
  series: readonly HourlySeries[],
  moved: ModelSwitch | undefined,
): HourlySeries[] {
  const { provider, account } = leaves[0]!.account;
  const { start } = series[0]!;
  const teams = new Map<string, HourlySeries[]>();
  for (const each of series) {
    const { team } = each.tags;
    if (team !== undefined) teams.set(team, [...(teams.get(team) ?? []), each]);
  }
  const models = new Map<string, Fields[]>();
  for (const [i, each] of series.entries())
    for (const [model, fields] of byModel(leaves[i]!, each, moved))
      models.set(model, [...(models.get(model) ?? []), fields]);

  const total = (scope: Scope, tags: Tags, parts: readonly Fields[]): HourlySeries =>
    toSeries(scope, { provider, account, ...tags }, start, sum(parts));
  return [
    ...[...teams].map(([team, parts]) => total('team', { team }, parts)),
    ...[...models].map(([model, parts]) => total('model', { model }, parts)),
    total('account', {}, series),
  ];
}

/** The usage of a leaf, divided between its models. */
function byModel(leaf: Leaf, series: HourlySeries, moved: ModelSwitch | undefined): [string, Fields][] {
  const [first = '', second] = leaf.models;
  if (second === undefined) return [[first, series]];
  const [ofFirst, ofSecond] = divide(series, () => leaf.share);
  if (first !== moved?.replaced)
    return [
      [first, ofFirst],
      [second, ofSecond],
    ];
  const [before, after] = divide(ofFirst, (i) => 1 - Math.min(1, Math.max(0, (i - moved.start) / WEEK)));
  return [
    [first, before],
    [moved.by, after],
    [second, ofSecond],
  ];
}

function divide(fields: Fields, shareAt: (hour: number) => number): [Fields, Fields] {
  const first: Fields = {};
  const rest: Fields = {};
  for (const name of FIELDS) {
    const values = fields[name];
    if (!values) continue;
    const part = values.map((value, i) => Math.round(value * shareAt(i)));
    first[name] = part;
    rest[name] = values.map((value, i) => value - part[i]!);
  }
  return [first, rest];
}

function sum(parts: readonly Fields[]): Fields {
  const total: Fields = {};
  for (const fields of parts)
    for (const name of FIELDS) {
      const values = fields[name];
      if (!values) continue;
      const into = (total[name] ??= new Float64Array(values.length));
      for (let i = 0; i < into.length; i++) into[i]! += values[i]!;
    }
  return total;
}

function toSeries(scope: Scope, tags: Tags, start: number, { tokens, ...others }: Fields): HourlySeries {
  return { scope, tags, start, tokens: tokens!, ...others };
}
