import type { HourlySeries } from '../../../src/alerts/types.ts';
import { between, seededBy, type Random } from '../../../src/simulator/random.ts';
import { DAY } from '../../../src/windows/units.ts';
import { plantEvents, type PlantedEvent } from './events.ts';
import { founding, launch, starts, timeOf, type Launch } from './launches.ts';
import { ACCOUNTS, leavesOf, newTeam, workingHour, type Account, type Leaf } from './leaves.ts';
import { activeP95 } from './quantile.ts';
import { leafSeries, totalsOf, type ModelSwitch } from './series.ts';
import { dayTable, yearHours, type DayTable, type YearHours } from './work-days.ts';

/** Usage of an organisation in a year, with all that happened in it. */
export interface LabelledYear {
  readonly seed: number;
  readonly zone: string;
  readonly calendar: DayTable;
  readonly hours: YearHours;
  /** Detectors are judged from here on: before it are four weeks of history. */
  readonly from: number;
  readonly to: number;
  /** Keys, endpoints and users, then the totals of their teams, models and accounts. */
  readonly series: readonly HourlySeries[];
  readonly leaves: readonly Leaf[];
  readonly events: readonly PlantedEvent[];
  readonly launches: readonly Launch[];
}

const HISTORY = 28 * DAY;

/** The same seed gives the same year. One seed in twenty is in a zone with summer time. */
export function labelledYear(seed: number): LabelledYear {
  const zone = seed % 20 === 5 ? 'Europe/Berlin' : 'Asia/Shanghai';
  const calendarYear = seed % 2 === 1 ? 2025 : 2026;
  const year = yearHours(zone, calendarYear);
  const parts = ACCOUNTS.map((account) => accountYear(account, year, seed));
  return {
    seed,
    zone,
    calendar: dayTable(zone, calendarYear),
    hours: year,
    from: year.start + HISTORY,
    to: year.end,
    series: [...parts.flatMap(({ leafSeries }) => leafSeries), ...parts.flatMap(({ totals }) => totals)],
    leaves: parts.flatMap(({ leaves }) => leaves),
    events: parts.flatMap(({ events }) => events).toSorted((a, b) => a.start - b.start),
    launches: parts.flatMap(({ launches }) => launches).toSorted((a, b) => a.start - b.start),
  };
}

function accountYear(account: Account, year: YearHours, seed: number) {
  const single = leavesOf(account, year, seed);
  const team = account.scope === 'key' ? newTeam(account, year, seed) : [];
  const launched = launch(single, year, seededBy(seed, account.account, 'launches'));
  const leaves = [...launched.leaves, ...team];
  const replaced = account.scope === 'user' ? modelSwitch(leaves, year, seed) : undefined;
  const launches = [
    ...launched.launches,
    ...starts(single, year),
    ...founding(team, year),
    ...(replaced ? [replaced.launch] : []),
  ];

  const unread = outages(year, seededBy(seed, account.account, 'outages'));
  const events = leaves.flatMap((leaf) =>
    plantEvents({ year, leaf, launches, unread: (hour) => unread[hour] === 1, seed }),
  );
  const series = leaves.map((leaf, i) => {
    const own = events.filter((event) => event.leaf === leaf);
    return leafSeries({
      leaf,
      events: own,
      year,
      unread,
      random: seededBy(seed, account.account, i, 'fields'),
    });
  });
  return { leaves, events, launches, leafSeries: series, totals: totalsOf(leaves, series, replaced) };
}

/** A new model takes the place of the first one, within a week. */
function modelSwitch(
  leaves: readonly Leaf[],
  year: YearHours,
  seed: number,
): ModelSwitch & { launch: Launch } {
  const start = workingHour(year, seededBy(seed, 'model'), 90, 300);
  const { provider, account, models } = leaves[0]!.account;
  const by = models[2]!;
  const moved = new Float64Array(year.dayOf.length);
  for (const { tokens, share } of leaves)
    for (let i = 0; i < moved.length; i++) moved[i]! += tokens[i]! * share;
  return {
    replaced: models[0]!,
    by,
    start,
    launch: {
      kind: 'model',
      tags: { provider, account, model: by },
      leaves: [],
      start: timeOf(year, start),
      hourly: activeP95(moved, start, start + 28 * 24),
    },
  };
}

/** Hours of an account that were never read: some days, and one week. */
function outages({ dayOf }: YearHours, random: Random): Uint8Array {
  const unread = new Uint8Array(dayOf.length);
  for (const length of [7 * 24, between(random, 24, 60), between(random, 4, 24), between(random, 4, 12)]) {
    const first = between(random, 30 * 24, unread.length - 14 * 24);
    unread.fill(1, first, first + length);
  }
  return unread;
}
