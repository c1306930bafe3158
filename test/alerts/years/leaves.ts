import type { Scope } from '../../../src/alerts/types.ts';
import { between, seededBy, type Random } from '../../../src/simulator/random.ts';
import type { Tags } from '../../../src/usage/point.ts';
import { noise, pick, uniform } from './random.ts';
import { USAGE_OF, type Shape } from './shapes.ts';
import type { YearHours } from './work-days.ts';

/** A provider with the fields that it reports: Sigcal all of them, Ark no requests, Trae nothing but a total. */
export interface Account {
  readonly provider: string;
  readonly account: string;
  readonly scope: Extract<Scope, 'key' | 'user' | 'endpoint'>;
  readonly reports: { readonly parts: boolean; readonly requests: boolean };
  readonly models: readonly string[];
  readonly shapes: Readonly<Partial<Record<Shape, number>>>;
  /** How many of them start during the year. */
  readonly starting: number;
}

export const ACCOUNTS: readonly Account[] = [
  {
    provider: 'sigcal',
    account: 'main',
    scope: 'key',
    reports: { parts: true, requests: true },
    models: ['deepseek-v3', 'qwen-max', 'kimi-k2'],
    shapes: { service: 8, nightly: 7, weekly: 3, 'month-end': 1, office: 5 },
    starting: 3,
  },
  {
    provider: 'volcengine-ark',
    account: 'cloud',
    scope: 'endpoint',
    reports: { parts: true, requests: false },
    models: ['doubao-pro', 'doubao-lite'],
    shapes: { service: 6, nightly: 4 },
    starting: 0,
  },
  {
    provider: 'trae',
    account: 'office',
    scope: 'user',
    reports: { parts: false, requests: false },
    // The third takes the place of the first during the year.
    models: ['coder-1', 'chat-1', 'coder-2'],
    shapes: { office: 30, sparse: 8 },
    starting: 6,
  },
];

/** The keys of a team that is founded during the year. */
export const NEW_TEAM = 20;
const TEAMS = 5;

/** Usage of one key, endpoint or user without incidents, and how its tokens divide. */
export interface Leaf {
  readonly name: string;
  readonly tags: Tags;
  readonly account: Account;
  readonly shape: Shape;
  /** Hours of the year in which it is in use. */
  readonly from: number;
  readonly until: number;
  readonly tokens: Float64Array;
  /** Those that it may use: the first and second divide its tokens. */
  readonly models: readonly string[];
  /** Share of the first. */
  readonly share: number;
  readonly outputShare: number;
  readonly cachedShare: number;
  readonly tokensPerRequest: number;
}

export function leavesOf(account: Account, year: YearHours, seed: number): Leaf[] {
  const shapes = Object.entries(account.shapes).flatMap(([shape, count]) =>
    Array<Shape>(count).fill(shape as Shape),
  );
  return shapes.map((shape, i) => {
    const random = seededBy(seed, account.account, i);
    const starts = i % 5 === 2 && i / 5 < account.starting;
    const from = starts ? workingHour(year, random, 45, 300) : 0;
    // Some leave the company.
    const until = !starts && random() < 0.04 ? workingHour(year, random, 120, 340) : year.dayOf.length;
    return newLeaf({ account, year, random, shape, index: i, from, until });
  });
}

/** Twenty keys that start on three days. */
export function newTeam(account: Account, year: YearHours, seed: number): Leaf[] {
  const founded = workingHour(year, seededBy(seed, 'team'), 60, 280);
  return Array.from({ length: NEW_TEAM }, (_, i) => {
    const random = seededBy(seed, 'team', i);
    const from = founded + 24 * between(random, 0, 2);
    return newLeaf({ account, year, random, shape: 'office', index: 50 + i, from, until: year.dayOf.length });
  });
}

/** The first hour of the day's work on a day of the year. */
export function workingHour({ dayOf, days }: YearHours, random: Random, low: number, high: number): number {
  let day = between(random, low, high);
  while (days[day]!.kind !== 'workday') day += 1;
  return dayOf.indexOf(day) + 10;
}

interface NewLeaf {
  readonly account: Account;
  readonly year: YearHours;
  readonly random: Random;
  readonly shape: Shape;
  readonly index: number;
  readonly from: number;
  readonly until: number;
}

function newLeaf({ account, year, random, shape, index, from, until }: NewLeaf): Leaf {
  const name = nameOf(account, index, random);
  const models = modelsOf(account, index, random);
  const growth = shape === 'sparse' ? 0 : Math.log1p(uniform(random, 0, 0.08));
  const tokens = USAGE_OF[shape](year, random);
  for (let i = 0; i < tokens.length; i++)
    tokens[i] = i < from || i >= until ? 0 : tokens[i]! * Math.exp((growth * i) / (30 * 24));
  return {
    name,
    tags: tagsOf(account, name, models, index),
    account,
    shape,
    from,
    until,
    tokens,
    models,
    share: models.length > 1 ? uniform(random, 0.1, 0.9) : 1,
    outputShare: uniform(random, 0.05, 0.3),
    cachedShare: uniform(random, 0, 0.7),
    tokensPerRequest: 2_000 * noise(random, 0.7),
  };
}

function modelsOf({ scope, models }: Account, index: number, random: Random): readonly string[] {
  if (scope === 'user') return models;
  if (scope === 'endpoint') return [pick(random, models)];
  return [models[index % models.length]!, models[(index + 1) % models.length]!];
}

function nameOf({ scope }: Account, index: number, random: Random): string {
  const number = String(index).padStart(2, '0');
  if (scope === 'key') return `ak-${number}`;
  if (scope === 'endpoint') return `ep-${number}`;
  // Some are pseudonyms.
  return random() < 0.2
    ? `u-${number}${between(random, 0x100000, 0xffffff).toString(16)}`
    : `user${number}@example.com`;
}

function tagsOf(
  { provider, account, scope }: Account,
  name: string,
  models: readonly string[],
  index: number,
): Tags {
  const tags = { provider, account, [scope]: name };
  if (scope === 'endpoint') return { ...tags, model: models[0]! };
  return scope === 'user' ? { ...tags, team: `team-${index % TEAMS}` } : tags;
}
