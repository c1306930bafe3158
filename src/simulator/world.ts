import { sumRecords } from '../usage/aggregate.ts';
import type { Fields, Tag, Tags, UsageRecord } from '../usage/point.ts';
import type { Window } from '../windows/window.ts';
import { seriesKey } from '../usage/series.ts';
import { between, seededBy } from './random.ts';
import { HOUR } from '../windows/units.ts';

/** One billed request. Times in Unix seconds. */
export interface UsageEvent {
  readonly id: string;
  readonly time: number;
  /** When the vendor's API starts to count it: a closed bucket still grows. */
  readonly visibleAt: number;
  readonly tags: Tags;
  readonly fields: Fields;
  /** A correction: from `at` on the event counts at `time`. */
  readonly moved?: { readonly at: number; readonly time: number };
  /** From this time on the vendor no longer counts the event. */
  readonly withdrawnAt?: number;
}

/** The true usage at one vendor. Simulators answer from it; tests compare the store with it. */
export interface World {
  /** Sorted by time. */
  readonly events: readonly UsageEvent[];
  /** The events of a window that the API counts at `now` (seconds). */
  visible(window: Window, now: number): UsageEvent[];
  /** Exact sums of a window as counted at `now`, grouped by tags, at the window's start. */
  totals(window: Window, now: number, by: readonly Tag[]): UsageRecord[];
}

export function createWorld(events: readonly UsageEvent[]): World {
  const sorted = events.toSorted(byTime);
  const movable = sorted.filter(({ moved }) => moved);
  const visible = (window: Window, now: number): UsageEvent[] => {
    const found: UsageEvent[] = [];
    const isCounted = ({ time, visibleAt, withdrawnAt = Infinity }: UsageEvent): boolean =>
      visibleAt <= now && time <= now && now < withdrawnAt;
    for (let i = firstAtOrAfter(sorted, window.start); i < sorted.length; i++) {
      const event = sorted[i]!;
      if (event.time >= window.end) break;
      if (isCounted(event) && !(event.moved && event.moved.at <= now)) found.push(event);
    }
    for (const event of movable) {
      const { at, time } = event.moved!;
      if (at <= now && isCounted(event) && time >= window.start && time < window.end)
        found.push({ ...event, time });
    }
    return movable.length === 0 ? found : found.toSorted(byTime);
  };
  return worldOf(sorted, visible);
}

/** The same world at a vendor that answers no further back than `seconds` before now. */
export function forgetting(world: World, seconds: number): World {
  return worldOf(world.events, ({ start, end }, now) =>
    world.visible({ start: Math.max(start, now - seconds), end }, now),
  );
}

function worldOf(sorted: readonly UsageEvent[], visible: World['visible']): World {
  return {
    events: sorted,
    visible,
    totals: (window, now, by) =>
      sumRecords(
        visible(window, now).map((event) => ({
          time: window.start,
          tags: Object.fromEntries(by.flatMap((tag) => (event.tags[tag] ? [[tag, event.tags[tag]]] : []))),
          fields: event.fields,
        })),
      ),
  };
}

export interface OfficeHours {
  readonly seed: number;
  /** Unix seconds. */
  readonly start: number;
  readonly end: number;
  /** One entry per user, key or endpoint and model in use. */
  readonly series: readonly Tags[];
  /** Requests per series in an hour, on average. */
  readonly perHour: number;
  /** The fewest requests per series in an hour; 0 by default. */
  readonly atLeast?: number;
  /** Hours of the day (UTC+8) when people work, `[from, to)`. */
  readonly hours?: readonly [from: number, to: number];
  /** Whether people work at weekends too. */
  readonly weekends?: boolean;
  /** The longest delay until a request is counted, seconds. */
  readonly convergence?: number;
  /** The shortest delay, seconds; 0 by default. */
  readonly delay?: number;
  /** The fields of one request; input and output tokens by default. */
  readonly fields?: (input: number, output: number) => Fields;
}

const BEIJING = 8 * HOUR;

/**
 * Usage of an office: busy in working hours, none at night and at weekends. Some requests are in the first second of
 * an hour, where a wrong window boundary counts them twice or not at all. The same seed gives the same requests in the
 * same hour of the same series, whenever the usage starts and whatever other series there are.
 */
export function officeHours(options: OfficeHours): UsageEvent[] {
  const { seed, atLeast = 0, delay = 0, convergence = 0 } = options;
  const fields = options.fields ?? ((input, output) => ({ input_tokens: input, output_tokens: output }));
  const series = options.series.map((tags) => ({ tags, key: seriesKey(tags) }));
  return workingHours(options).flatMap((hour) =>
    series.flatMap(({ tags, key }, index) => {
      const random = seededBy(seed, hour, key);
      return Array.from({ length: between(random, atLeast, options.perHour * 2 - atLeast) }, (_, i) => {
        const time = hour + (random() < 0.05 ? 0 : between(random, 0, HOUR - 1));
        return {
          id: `req-${seed}-${hour}-${index}-${i}`,
          time,
          visibleAt: time + between(random, delay, Math.max(delay, convergence)),
          tags,
          fields: fields(between(random, 200, 20_000), between(random, 20, 4_000)),
        };
      });
    }),
  );
}

function workingHours({ start, end, hours: [from, to] = [9, 19], weekends = false }: OfficeHours): number[] {
  const found: number[] = [];
  for (let hour = Math.ceil(start / HOUR) * HOUR; hour < end; hour += HOUR) {
    const local = new Date((hour + BEIJING) * 1000);
    const isWeekend = local.getUTCDay() === 0 || local.getUTCDay() === 6;
    if ((isWeekend && !weekends) || local.getUTCHours() < from || local.getUTCHours() >= to) continue;
    found.push(hour);
  }
  return found;
}

function byTime(a: UsageEvent, b: UsageEvent): number {
  return a.time - b.time;
}

function firstAtOrAfter(events: readonly UsageEvent[], time: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (events[middle]!.time < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
