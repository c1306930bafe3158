import type { ReplayEntry } from '../../../src/alerts/types.ts';
import type { Severity } from '../../../src/usage/catalogue.ts';
import { DAY, HOUR } from '../../../src/windows/units.ts';
import type { EventKind, PlantedEvent, Size } from './events.ts';
import type { LabelledYear } from './labelled-year.ts';
import type { Launch } from './launches.ts';
import type { Leaf } from './leaves.ts';
import type { CalendarDay, DayKind } from './work-days.ts';

/** An event is found by an entry that overlaps it, or starts until then after its end. */
const FOUND_AFTER = 3 * HOUR;
/** An entry that starts until then after an event belongs to it. */
const AFTERMATH = 6 * HOUR;
/** A change has to be usual after that. */
const LAUNCHED = 14 * DAY;
const WEEK = 7 * DAY;
/** A total's entry that does not name a leaf belongs to it if the leaf is this share of the excess. */
const EXPLAINS = { event: 0.5, launch: 0.25 } as const;

export interface FoundEvent {
  readonly kind: EventKind;
  readonly size: Size;
  readonly big: boolean;
  /** Hours from the end of the event's first hour to the first entry, negative within it; absent if there is none. */
  readonly delay: number | undefined;
  /** Whether one of its entries is a page. */
  readonly paged: boolean;
}

export interface FalseEntry {
  readonly rule: string;
  readonly severity: Severity;
  readonly day: DayKind;
}

/** What one detector did in one year, or in several. */
export interface Score {
  readonly events: readonly FoundEvent[];
  /** Entries that belong to no event and no launch. */
  readonly wrong: readonly FalseEntry[];
  /** How many entries each launch got. */
  readonly launches: readonly { readonly kind: Launch['kind']; readonly entries: number }[];
  readonly entries: number;
  /** The same in the weeks of history, when little is known of any series. */
  readonly early: number;
  readonly years: number;
  readonly weeks: number;
  /** Sum of the weeks in which each leaf was in use. */
  readonly leafWeeks: number;
  /** The same in days, by the kind of the day. */
  readonly leafDays: Readonly<Record<DayKind, number>>;
}

/** Compares the entries of a detector with the labels of the year. */
export function score(year: LabelledYear, entries: readonly ReplayEntry[]): Score {
  const judged = entries.filter(({ start }) => start >= year.from && start < year.to);
  const { ofLaunches, wrong } = explain(year, judged);
  return {
    events: year.events
      .filter(({ start }) => start >= year.from && start < year.to)
      .map((event) => findEvent(event, judged)),
    wrong: wrong.map(({ rule, severity, start }) => ({ rule, severity, day: dayAt(year, start).kind })),
    launches: year.launches.flatMap((launch) =>
      launch.start < year.from
        ? []
        : [{ kind: launch.kind, entries: ofLaunches.filter((entry) => isOfLaunch(entry, launch)).length }],
    ),
    entries: judged.length,
    early: entries.filter(({ start }) => start < year.from).length,
    years: 1,
    weeks: (year.to - year.from) / WEEK,
    ...daysInUse(year),
  };
}

/** Which entries are about a launch, and which about nothing. */
export function explain(
  { events, launches }: LabelledYear,
  entries: readonly ReplayEntry[],
): { readonly ofLaunches: readonly ReplayEntry[]; readonly wrong: readonly ReplayEntry[] } {
  const unexplained = entries.filter((entry) => !events.some((event) => isOfEvent(entry, event)));
  const isLaunch = (entry: ReplayEntry): boolean => launches.some((launch) => isOfLaunch(entry, launch));
  return {
    ofLaunches: unexplained.filter(isLaunch),
    wrong: unexplained.filter((entry) => !isLaunch(entry)),
  };
}

export function sumScores(scores: readonly Score[]): Score {
  const total = (value: (each: Score) => number): number =>
    scores.reduce((sum, each) => sum + value(each), 0);
  return {
    events: scores.flatMap(({ events }) => events),
    wrong: scores.flatMap(({ wrong }) => wrong),
    launches: scores.flatMap(({ launches }) => launches),
    entries: total(({ entries }) => entries),
    early: total(({ early }) => early),
    years: scores.length,
    weeks: total(({ weeks }) => weeks),
    leafWeeks: total(({ leafWeeks }) => leafWeeks),
    leafDays: {
      workday: total(({ leafDays }) => leafDays.workday),
      weekend: total(({ leafDays }) => leafDays.weekend),
      holiday: total(({ leafDays }) => leafDays.holiday),
      'make-up': total(({ leafDays }) => leafDays['make-up']),
    },
  };
}

function findEvent(event: PlantedEvent, entries: readonly ReplayEntry[]): FoundEvent {
  const found = entries.filter(
    (entry) => entry.start < event.end + FOUND_AFTER && entry.end > event.start && isAbout(entry, event),
  );
  const fired = Math.min(...found.map(({ fired_at }) => fired_at));
  return {
    kind: event.kind,
    size: event.size,
    big: event.big,
    delay: found.length === 0 ? undefined : Math.max(0, fired - event.start) / HOUR - 1,
    paged: found.some(({ severity }) => severity === 'page'),
  };
}

/** It began during the event or soon after. */
function isOfEvent(entry: ReplayEntry, event: PlantedEvent): boolean {
  const inTime = entry.start < event.end + AFTERMATH && spanStart(entry) >= event.start;
  const sameDay = entry.rule === 'day' && spanStart(entry) < event.end && entry.end > event.start;
  return (inTime || sameDay) && isAbout(entry, event);
}

function isAbout(entry: ReplayEntry, event: PlantedEvent): boolean {
  const relation = relationOf(entry, event.leaf);
  if (relation !== 'total') return relation === 'same';
  return names(entry, event.leaf) || extraIn(entry, event) >= EXPLAINS.event * excess(entry);
}

function isOfLaunch(entry: ReplayEntry, launch: Launch): boolean {
  if (entry.start < launch.start || entry.start >= launch.start + LAUNCHED) return false;
  if (scopeKey(entry.tags) === scopeKey(launch.tags)) return true;
  const relations = launch.leaves.map((leaf) => relationOf(entry, leaf));
  if (relations.includes('same')) return true;
  if (!relations.includes('total')) return false;
  return launch.leaves.some((leaf) => names(entry, leaf)) || launch.hourly >= EXPLAINS.launch * excess(entry);
}

/** Whether an entry is on the leaf's own series, or on a total that contains it. */
function relationOf({ tags }: ReplayEntry, leaf: Leaf): 'same' | 'total' | undefined {
  if (tags.provider !== leaf.tags.provider || tags.account !== leaf.tags.account) return undefined;
  const own = tags[leaf.account.scope];
  if (own !== undefined) return own === leaf.name ? 'same' : undefined;
  if (tags.team !== undefined) return tags.team === leaf.tags.team ? 'total' : undefined;
  return tags.model === undefined || leaf.models.includes(tags.model) ? 'total' : undefined;
}

function scopeKey({ provider, account, key, user, endpoint, team, model }: ReplayEntry['tags']): string {
  const own = key ?? user ?? endpoint ?? team ?? model;
  return [provider, account, own].join(' ');
}

function names({ text }: ReplayEntry, { name }: Leaf): boolean {
  return text.includes(name);
}

function excess({ value, expected }: ReplayEntry): number {
  return value - expected;
}

function extraIn(entry: ReplayEntry, { first, extra, start }: PlantedEvent): number {
  const yearStart = start - first * HOUR;
  const from = (spanStart(entry) - yearStart) / HOUR - first;
  const to = (entry.end - yearStart) / HOUR - first;
  return extra.slice(Math.max(0, from), Math.max(0, to)).reduce((sum, value) => sum + value, 0);
}

/** A verdict on a day is about all its hours. */
function spanStart({ rule, start, end }: ReplayEntry): number {
  return rule === 'day' ? end - DAY : start;
}

function dayAt({ hours }: LabelledYear, time: number): CalendarDay {
  return hours.days[hours.dayOf[(time - hours.start) / HOUR]!]!;
}

function daysInUse({ hours, leaves, from, to }: LabelledYear): Pick<Score, 'leafWeeks' | 'leafDays'> {
  const leafDays: Record<DayKind, number> = { workday: 0, weekend: 0, holiday: 0, 'make-up': 0 };
  const [first, last] = [(from - hours.start) / HOUR, (to - hours.start) / HOUR];
  for (let hour = first; hour < last; hour++) {
    const used = leaves.filter((leaf) => hour >= leaf.from && hour < leaf.until).length;
    leafDays[hours.days[hours.dayOf[hour]!]!.kind] += used / 24;
  }
  const days = Object.values(leafDays).reduce((sum, value) => sum + value, 0);
  return { leafWeeks: days / 7, leafDays };
}
