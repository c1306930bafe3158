import { onTestFinished } from 'vitest';
import { createWorkCalendar } from '../../../src/alerts/calendar.ts';
import { createJudging, type Judging } from '../../../src/alerts/live/judging.ts';
import type { JudgingOptions } from '../../../src/alerts/live/options.ts';
import type { IncidentEvent } from '../../../src/ledger/incidents.ts';
import { DEFAULT_RULES, type Rules } from '../../../src/alerts/rules.ts';
import { openLedger, type Ledger } from '../../../src/ledger/ledger.ts';
import type { Point, Tags } from '../../../src/usage/point.ts';
import { memoryStore, type MemoryStore } from '../../support/memory-store.ts';

export const HOUR = 3600;
export const DAY = 24 * HOUR;
export const ZONE = 'Asia/Shanghai';
/** Wednesday 2026-03-04 00:00 in Shanghai. */
export const MIDNIGHT = Date.UTC(2026, 2, 3, 16) / 1000;
export const JOB = {
  name: 'office',
  provider: { id: 'ucloud' },
  account: 'main',
  zone: ZONE,
  bucket: '1h',
} as const;
/** Into an hour, at which what there is of it is below any limit. */
export const EARLY = 0.02;
const LOOKBACK = 3 * DAY;
const ACCOUNT = { provider: 'ucloud', account: 'main', bucket: '1h' };

/** Tokens of a key in the hour that starts at a time. */
export type Usage = (key: string, hour: number) => number;

/** Three keys in office hours, the same every week. */
export const usual: Usage = (key, hour) => {
  const local = Math.floor((hour - MIDNIGHT) / HOUR);
  const weekDay = (((Math.floor(local / 24) + 2) % 7) + 7) % 7;
  const atHour = ((local % 24) + 24) % 24;
  if (weekDay >= 5 || atHour < 9 || atHour >= 18) return 0;
  const wave = 1 + 0.2 * Math.sin(local * (key.charCodeAt(1) % 7) + local);
  return Math.round(100_000 * wave);
};

/** Usage with more of it in the named hours after midnight of the Wednesday. */
export function withSpike(
  key: string,
  hours: readonly number[],
  tokens = 5_000_000,
  before: Usage = usual,
): Usage {
  return (each, hour) => {
    const isSpike = each === key && hours.includes((hour - MIDNIGHT) / HOUR);
    return before(each, hour) + (isSpike ? tokens : 0);
  };
}

/** A whole day is another incident than its hours. */
export const RULES: Rules = { ...DEFAULT_RULES, day: { ...DEFAULT_RULES.day, off: true } };

export interface Office {
  readonly ledger: Ledger;
  readonly store: MemoryStore;
  readonly events: IncidentEvent[];
  readonly errors: unknown[];
  /** `[rule, key, change]` of the events so far. */
  told(): [string, string | undefined, string][];
  /** The provider's usage from now on. */
  usage: Usage;
  /** Polls at a time, in hours after midnight: it reads the open hour and the three before it. */
  poll(at: number, back?: number): Promise<void>;
  pollHourly(from: number, to: number): Promise<void>;
  /** Another process goes on with the same ledger and store. */
  restart(): Promise<void>;
  alertPoints(): Point[];
}

export async function office(
  options: Partial<JudgingOptions> & { readonly usage?: Usage } = {},
): Promise<Office> {
  const store = memoryStore();
  const ledger = openLedger(':memory:');
  onTestFinished(() => ledger.close());
  const events: IncidentEvent[] = [];
  const errors: unknown[] = [];
  let now = MIDNIGHT;
  const start = (): Judging =>
    createJudging({
      jobs: [{ ...JOB, lookback: LOOKBACK }],
      ledger,
      store,
      zone: ZONE,
      calendar: createWorkCalendar({ country: 'none' }),
      rulesFor: () => RULES,
      now: () => now,
      notify: (event) => events.push(event),
      onError: (_, error) => errors.push(error),
      ...options,
    });
  let judging = start();
  const place: Office = {
    ledger,
    store,
    events,
    errors,
    usage: options.usage ?? usual,
    told: () => events.map(({ change, incident }) => [incident.rule, incident.tags.key, change]),
    poll: async (at, back = 3) => {
      now = MIDNIGHT + Math.floor(at * HOUR);
      const open = Math.floor(now / HOUR) * HOUR;
      const points = await read(place, open - back * HOUR, now);
      ledger.checkpoints.add(JOB.name, { start: open - back * HOUR, end: open, readAt: now }, LOOKBACK);
      judging.stored(points);
      await judging.afterPoll(JOB.name);
    },
    pollHourly: async (from, to) => {
      for (let hour = from; hour <= to; hour++) await place.poll(hour + EARLY);
    },
    restart: async () => {
      await judging.stop();
      judging = start();
    },
    alertPoints: () => [...store.others.values()].toSorted((a, b) => a.time - b.time),
  };
  onTestFinished(() => judging.stop());
  const from = MIDNIGHT - 60 * DAY;
  await read(place, from, MIDNIGHT);
  ledger.checkpoints.add(JOB.name, { start: from, end: MIDNIGHT, readAt: MIDNIGHT }, LOOKBACK);
  return place;
}

/** Writes what the provider has at a time: of the open hour the part that has passed. */
async function read({ store, usage }: Office, from: number, now: number): Promise<Point[]> {
  const points: Point[] = [];
  for (let hour = from; hour < now; hour += HOUR) {
    const share = Math.min(1, (now - hour) / HOUR);
    for (const key of ['k1', 'k2', 'k3']) {
      const tags: Tags = { ...ACCOUNT, key };
      points.push({ time: hour, tags, fields: { tokens: Math.round(share * usage(key, hour)) } });
    }
  }
  await store.write(points);
  return points;
}
