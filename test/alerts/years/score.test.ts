import { describe, expect, it, test } from 'vitest';
import type { ReplayEntry } from '../../../src/alerts/types.ts';
import { DAY, HOUR } from '../../../src/windows/units.ts';
import { labelledYear } from './labelled-year.ts';
import { replayRival, RIVALS } from './rivals.ts';
import { score, sumScores, type Score } from './score.ts';
import { summarise } from './summary.ts';

const YEAR = labelledYear(1);
const LAUNCH = YEAR.launches.find(({ kind, start }) => kind === 'level' && start > YEAR.from)!;
/** A long one of a user, with no other of the same leaf near it. */
const EVENT = YEAR.events.find(({ leaf, extra }) => leaf.tags.team !== undefined && extra.length > 12)!;
const INDEX = YEAR.events.indexOf(EVENT);
const { provider, account, team } = EVENT.tags as Record<string, string>;

const entry = (change: Partial<ReplayEntry> = {}): ReplayEntry => ({
  rule: 'spike_user',
  severity: 'page',
  tags: EVENT.tags,
  start: EVENT.start,
  end: EVENT.start + HOUR,
  fired_at: EVENT.start + HOUR,
  value: EVENT.extra[0]! + 1,
  expected: 1,
  limit: 2,
  text: '',
  ...change,
});
const shifted = (start: number, change: Partial<ReplayEntry> = {}): ReplayEntry =>
  entry({ start, end: start + HOUR, fired_at: start + HOUR, ...change });
const scored = (...entries: ReplayEntry[]): Score => score(YEAR, entries);
const isFound = (each: ReplayEntry): boolean => scored(each).events[INDEX]!.delay !== undefined;

describe('an event', () => {
  it.each([
    ['in its first hour', 0, true, 0],
    ['three hours later', 3 * HOUR, true, 3],
    ['two hours after its end', EVENT.end - EVENT.start + 2 * HOUR, true, undefined],
    ['four hours after its end', EVENT.end - EVENT.start + 4 * HOUR, false, undefined],
    ['before it', -2 * HOUR, false, undefined],
  ])('with an entry %s', (_, offset, found, delay) => {
    const result = scored(shifted(EVENT.start + offset)).events;

    expect(result[INDEX]!.delay !== undefined).toBe(found);
    if (delay !== undefined) expect(result[INDEX]!.delay).toBe(delay);
    expect(result.filter((each) => each.delay !== undefined)).toHaveLength(found ? 1 : 0);
  });

  it('is not found by an entry of another series, or of another account', () => {
    const other = YEAR.leaves.find(({ tags }) => tags.user !== undefined && tags.user !== EVENT.tags.user)!;

    expect(isFound(entry({ tags: other.tags }))).toBe(false);
    expect(isFound(entry({ tags: { ...EVENT.tags, account: 'other' } }))).toBe(false);
  });

  it('is found by an entry of a total that names it, or of which it is the larger part', () => {
    for (const tags of [
      { provider, account },
      { provider, account, team },
    ] as ReplayEntry['tags'][]) {
      expect(isFound(entry({ tags }))).toBe(true);
      expect(isFound(entry({ tags, value: 3 * EVENT.extra[0]! }))).toBe(false);
      expect(isFound(entry({ tags, value: 3 * EVENT.extra[0]!, text: `… ${EVENT.leaf.name}` }))).toBe(true);
    }
    expect(isFound(entry({ tags: { provider, account, team: 'another' } as ReplayEntry['tags'] }))).toBe(
      false,
    );
  });

  it('counts as found by a page only if one of its entries is one', () => {
    expect(scored(entry({ severity: 'notice' })).events[INDEX]).toMatchObject({ delay: 0, paged: false });
    expect(scored(entry({ severity: 'notice' }), entry()).events[INDEX]!.paged).toBe(true);
  });
});

describe('an entry', () => {
  it.each([
    ['begins before the event', EVENT.start - 2 * HOUR, 1],
    ['begins in the event', EVENT.start + HOUR, 0],
    ['begins 5 hours after it', EVENT.end + 5 * HOUR, 0],
    ['begins 7 hours after it', EVENT.end + 7 * HOUR, 1],
  ])('that %s is false or not', (_, start, wrong) => {
    expect(scored(shifted(start)).wrong).toHaveLength(wrong);
  });

  it('of a whole day belongs to the events of the day', () => {
    const end = EVENT.end + 10 * HOUR;

    expect(scored(shifted(end - HOUR, { rule: 'day' })).wrong).toHaveLength(0);
    expect(scored(shifted(end - HOUR)).wrong).toHaveLength(1);
  });

  it('within two weeks after a launch belongs to the launch', () => {
    const { tags, start } = LAUNCH;
    const of = (result: Score): number => result.launches.reduce((sum, { entries }) => sum + entries, 0);

    const within = scored(shifted(start + 13 * DAY, { tags }), shifted(start, { tags }));
    expect([within.wrong.length, of(within)]).toEqual([0, 2]);
    const before = scored(shifted(start - HOUR, { tags }));
    expect([before.wrong.length, of(before)]).toEqual([1, 0]);
    expect(scored(shifted(start + 15 * DAY, { tags })).wrong).toHaveLength(1);
  });

  it('of the weeks of history is counted on its own', () => {
    expect(scored(shifted(YEAR.from - HOUR))).toMatchObject({ wrong: [], entries: 0, early: 1 });
  });
});

it('counts false entries per week in which series were in use, and by the kind of the day', () => {
  const { leafWeeks, leafDays, weeks } = scored();

  expect(weeks).toBeCloseTo((365 - 28) / 7, 5);
  expect(leafWeeks).toBeLessThan(YEAR.leaves.length * weeks);
  expect(leafWeeks).toBeGreaterThan(0.7 * YEAR.leaves.length * weeks);
  expect(Object.values(leafDays).reduce((a, b) => a + b) / 7).toBeCloseTo(leafWeeks, 5);
});

it('reports shares and rates of all years together', () => {
  const wrong = shifted(EVENT.start - 2 * HOUR);
  const both = sumScores([scored(entry(), wrong), scored(wrong)]);
  const values = new Map(summarise(both).map(({ what, value }) => [what, value]));

  expect(values.get('All events found')).toBe((1 / (2 * YEAR.events.length)).toFixed(3));
  expect(values.get('False pages per 100 series and week')).toBe((200 / both.leafWeeks).toFixed(2));
  expect(values.get('False notices per 100 series and week')).toBe('0.00');
});

test.each(Object.keys(RIVALS))('the rule "%s" finds most big events, with very many false alarms', (rule) => {
  const { events, wrong, leafWeeks } = score(YEAR, replayRival(YEAR, rule));
  const big = events.filter((event) => event.big);

  expect(big.filter(({ delay }) => delay !== undefined).length / big.length).toBeGreaterThan(0.85);
  expect((100 * wrong.length) / leafWeeks).toBeGreaterThan(50);
});
