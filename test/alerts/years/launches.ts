import { between, type Random } from '../../../src/simulator/random.ts';
import type { Tags } from '../../../src/usage/point.ts';
import { workingHour, type Leaf } from './leaves.ts';
import { activeP95 } from './quantile.ts';
import { uniform } from './random.ts';
import type { YearHours } from './work-days.ts';

/** A change that stays: what detectors may report, but have to get used to. */
export interface Launch {
  /** More use of a leaf, a series that starts, a team that is founded, a model that replaces another. */
  readonly kind: 'level' | 'start' | 'team' | 'model';
  /** Tags of what changes; a leaf's are those of its series. */
  readonly tags: Tags;
  /** Those that it changes, as they are before. */
  readonly leaves: readonly Leaf[];
  readonly start: number;
  /** Tokens that a busy hour has more. */
  readonly hourly: number;
}

/** One launch to six leaves. */
const EVERY = 6;
/** A series shows its usual level before it changes. */
const KNOWN_DAYS = 40;

/** Multiplies the usage of some leaves from an hour on. Returns the leaves, changed, and what happened. */
export function launch(
  leaves: readonly Leaf[],
  year: YearHours,
  random: Random,
): { readonly leaves: readonly Leaf[]; readonly launches: readonly Launch[] } {
  const launches: Launch[] = [];
  const changed = new Map<Leaf, Leaf>();
  for (let tries = 0; changed.size < Math.round(leaves.length / EVERY) && tries < 200; tries++) {
    const leaf = leaves[between(random, 0, leaves.length - 1)]!;
    const hour = workingHour(year, random, KNOWN_DAYS, 330);
    const factor = uniform(random, 1.5, 4);
    const known = hour - leaf.from >= KNOWN_DAYS * 24 && leaf.until - hour >= 30 * 24;
    if (!['office', 'service'].includes(leaf.shape) || changed.has(leaf) || !known) continue;
    const tokens = leaf.tokens.map((value, i) => (i >= hour ? value * factor : value));
    changed.set(leaf, { ...leaf, tokens });
    launches.push({
      kind: 'level',
      tags: leaf.tags,
      leaves: [leaf],
      start: timeOf(year, hour),
      hourly: activeP95(leaf.tokens, 0, hour) * (factor - 1),
    });
  }
  return { leaves: leaves.map((leaf) => changed.get(leaf) ?? leaf), launches };
}

/** Leaves that begin during the year. */
export function starts(leaves: readonly Leaf[], year: YearHours): Launch[] {
  return leaves
    .filter(({ from }) => from > 0)
    .map((leaf) => ({
      kind: 'start',
      tags: leaf.tags,
      leaves: [leaf],
      start: timeOf(year, leaf.from),
      hourly: levelAtStart(leaf),
    }));
}

/** The leaves of one team, which begin on the same days: one launch, on their account. */
export function founding(team: readonly Leaf[], year: YearHours): Launch[] {
  if (team.length === 0) return [];
  const { provider, account } = team[0]!.account;
  const start = timeOf(year, Math.min(...team.map(({ from }) => from)));
  const hourly = team.reduce((sum, leaf) => sum + levelAtStart(leaf), 0);
  return [{ kind: 'team', tags: { provider, account }, leaves: team, start, hourly }];
}

export function timeOf(year: YearHours, hour: number): number {
  return year.start + hour * 3600;
}

function levelAtStart({ tokens, from }: Leaf): number {
  return activeP95(tokens, from, from + 28 * 24);
}
