import { between, seededBy, type Random } from '../../../src/simulator/random.ts';
import type { Tags } from '../../../src/usage/point.ts';
import { DAY, HOUR } from '../../../src/windows/units.ts';
import { timeOf, type Launch } from './launches.ts';
import type { Leaf } from './leaves.ts';
import { activeP95 } from './quantile.ts';
import { noise, uniform } from './random.ts';
import { isWorked, type YearHours } from './work-days.ts';

export const EVENT_KINDS = ['runaway loop', 'key leak', 'retry storm'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];
export const SIZES = ['>= 5x', '2-5x', '1-2x', '< 1x'] as const;
export type Size = (typeof SIZES)[number];

/** An incident that was added to a leaf. */
export interface PlantedEvent {
  readonly kind: EventKind;
  /** What it adds per hour, in units of the P95 of the active hours in the 28 days before. */
  readonly size: Size;
  /** Adds at least twice the P95 per hour, and 200,000 tokens in an hour. */
  readonly big: boolean;
  readonly leaf: Leaf;
  readonly tags: Tags;
  /** Start of its first hour, end of its last. */
  readonly start: number;
  readonly end: number;
  /** Index of its first hour, and what it adds to each. */
  readonly first: number;
  readonly extra: Float64Array;
  readonly tokens: number;
  readonly outputShare: number;
  readonly cachedShare: number;
  readonly requestsPerToken: number;
}

export interface Place {
  readonly year: YearHours;
  readonly leaf: Leaf;
  readonly launches: readonly Launch[];
  /** Hours that are never read. */
  readonly unread: (hour: number) => boolean;
  readonly seed: number;
}

const BIG = 200_000;
/** Events of a leaf are this far from each other, so that each is judged on its own. */
const DISTANCE = 4 * 24;
/** Days that a leaf is known before its first event. */
const KNOWN = 28 * 24;
const MOST_TRIES = 30;

/** One to five events on a leaf, in hours that are read, and not within two weeks after a launch. */
export function plantEvents(place: Place): PlantedEvent[] {
  const { leaf, seed } = place;
  const random = seededBy(seed, leaf.account.account, leaf.name, 'events');
  const planned = between(random, 1, 5);
  const events: PlantedEvent[] = [];
  for (let tries = 0; events.length < planned && tries < MOST_TRIES; tries++) {
    const event = planEvent(place, random);
    if (event && isFree(place, event, events)) events.push(event);
  }
  return events.toSorted((a, b) => a.start - b.start);
}

function planEvent(place: Place, random: Random): PlantedEvent | undefined {
  const { leaf, year } = place;
  const kind = kindFor(leaf, random);
  const hour = between(random, Math.max(KNOWN, leaf.from + KNOWN / 2), leaf.until - 72);
  const first =
    kind === 'retry storm' || (kind === 'runaway loop' && random() < 0.6)
      ? busyHour(place, hour)
      : kind === 'key leak' && random() < 0.7
        ? nightHour(year, hour)
        : hour;
  const p95 = activeP95(leaf.tokens, first - KNOWN, first);
  if (first < 0 || p95 === 0) return undefined;

  const extra = PLANS[kind](leaf.tokens.subarray(first, first + 48), p95, random);
  const perHour = mean(extra);
  // It began within its first hour.
  if (extra.length > 1) extra[0]! *= uniform(random, 0.25, 1);
  const rounded = extra.map(Math.round);
  if (rounded[0] === 0) return undefined;
  const largest = Math.max(...rounded);
  return {
    kind,
    size: sizeOf(perHour / p95),
    big: perHour >= 2 * p95 && largest >= Math.max(2 * p95, BIG),
    leaf,
    tags: leaf.tags,
    start: timeOf(year, first),
    end: timeOf(year, first + rounded.length),
    first,
    extra: rounded,
    tokens: Math.round(mean(rounded) * rounded.length),
    ...traffic(kind, leaf, random),
  };
}

function kindFor({ shape }: Leaf, random: Random): EventKind {
  const draw = random();
  if (draw < 0.4) return 'runaway loop';
  return draw < 0.7 || (shape !== 'office' && shape !== 'service') ? 'key leak' : 'retry storm';
}

const PLANS: Readonly<Record<EventKind, (usual: Float64Array, p95: number, random: Random) => Float64Array>> =
  {
    'runaway loop': (_, p95, random) => {
      const level = p95 * uniform(random, 2, 10);
      return new Float64Array(between(random, 1, 6)).map(() => level * noise(random, 0.15));
    },
    'key leak': (_, p95, random) => {
      const level = p95 * uniform(random, 0.7, 3.7);
      return new Float64Array(between(random, 6, 48)).map(() => level * noise(random, 0.15));
    },
    'retry storm': (usual, _, random) => {
      const times = uniform(random, 3, 7);
      return usual.slice(0, between(random, 1, 3)).map((value) => value * (times - 1));
    },
  };

function sizeOf(ratio: number): Size {
  if (ratio >= 5) return '>= 5x';
  if (ratio >= 2) return '2-5x';
  return ratio >= 1 ? '1-2x' : '< 1x';
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Loops repeat a context that grows, thieves ask other things, retries are the same requests again. */
function traffic(
  kind: EventKind,
  { outputShare, cachedShare, tokensPerRequest }: Leaf,
  random: Random,
): Pick<PlantedEvent, 'outputShare' | 'cachedShare' | 'requestsPerToken'> {
  if (kind === 'retry storm') return { outputShare, cachedShare, requestsPerToken: 1 / tokensPerRequest };
  if (kind === 'key leak')
    return {
      outputShare: uniform(random, 0.1, 0.5),
      cachedShare: 0,
      requestsPerToken: 1 / (tokensPerRequest * uniform(random, 0.5, 2)),
    };
  return {
    outputShare: random() < 0.5 ? 0.6 : outputShare,
    cachedShare: 0.8,
    requestsPerToken: 1 / (tokensPerRequest * uniform(random, 1, 3)),
  };
}

/** The next hour with usage, from 9 to 18 on a workday; -1 if there is none within a week. */
function busyHour({ year, leaf }: Place, from: number): number {
  for (let i = from; i < from + 7 * 24 && i < leaf.until; i++) {
    const hour = year.hourOfDay[i]!;
    if (hour >= 9 && hour <= 18 && isWorked(year.days[year.dayOf[i]!]!) && leaf.tokens[i]! > 0) return i;
  }
  return -1;
}

/** The next hour from 20 to 4. */
function nightHour({ hourOfDay }: YearHours, from: number): number {
  let i = from;
  while (hourOfDay[i]! > 4 && hourOfDay[i]! < 20) i += 1;
  return i;
}

function isFree(
  { leaf, launches, unread, year }: Place,
  { first, extra, start }: PlantedEvent,
  others: readonly PlantedEvent[],
): boolean {
  const last = first + extra.length;
  if (last + 24 > leaf.until) return false;
  for (let i = first - 24; i < last + 12; i++) if (unread(i)) return false;
  const near = others.some(
    (other) => first < other.first + other.extra.length + DISTANCE && other.first < last + DISTANCE,
  );
  const launched = launches.some(
    (launch) =>
      launch.tags === leaf.tags && start >= launch.start - 2 * DAY && start < launch.start + 15 * DAY,
  );
  return !near && !launched && start + HOUR * extra.length <= year.end;
}
