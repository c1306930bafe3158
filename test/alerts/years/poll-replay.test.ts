import { describe, expect, it } from 'vitest';
import type { Incident } from '../../../src/alerts/incidents.ts';
import type { HourlySeries } from '../../../src/alerts/types.ts';
import { HOUR, MINUTE } from '../../../src/windows/units.ts';
import { arrivalOf, FINAL_AFTER } from './arrival.ts';
import { labelledYear } from './labelled-year.ts';
import { replayPolls } from './poll-replay.ts';

const FULL = HOUR + 10 * MINUTE;
const ARRIVALS = Array.from({ length: 2_000 }, (_, hour) => arrivalOf('main', hour));

describe('what is known of an hour', () => {
  it('is nothing in its first ten minutes, then more, and all of it after two days', () => {
    for (const share of ARRIVALS) {
      expect(share(10 * MINUTE)).toBe(0);
      expect(share(40 * MINUTE)).toBeGreaterThan(0);
      expect(share(FINAL_AFTER)).toBe(1);
    }
  });

  it('is complete soon after its end for most, less for some, and too much for a few', () => {
    const atEnd = ARRIVALS.map((share) => share(FULL));
    const part = (is: (share: number) => boolean): number => atEnd.filter(is).length / atEnd.length;

    expect(part((share) => share === 1)).toBeCloseTo(0.8, 1);
    expect(part((share) => share < 1)).toBeCloseTo(0.18, 1);
    expect(part((share) => share > 1)).toBeGreaterThan(0.005);
  });
});

describe('a replay by polls', () => {
  const year = labelledYear(1);
  const event = year.events.find(({ extra, leaf }) => extra.length > 5 && leaf.account.scope === 'user')!;
  const start = event.start - 72 * HOUR;
  const part = { year, start, from: event.start, to: event.end + 2 * HOUR };
  const leafOf = (series: readonly HourlySeries[]): HourlySeries | undefined =>
    series.find(({ tags }) => tags === event.tags);
  const truth = leafOf(year.series)!.tokens;
  const offset = (start - year.hours.start) / HOUR;

  it('shows a judge what was reported until then, and no hour of the future', async () => {
    let polls = 0;
    await replayPolls({
      ...part,
      createJudge: () => ({
        judge: ({ series, from, closed, isOpenSeen }) => {
          const tokens = leafOf(series)?.tokens;
          if (tokens) {
            polls += 1;
            expect(tokens.slice(closed + 1).every(Number.isNaN)).toBe(true);
            expect(tokens[0]).toBe(truth[offset]);
            if (isOpenSeen) expect(tokens[closed]).toBeLessThanOrEqual(truth[offset + closed]! * 1.03);
            expect(from).toBeGreaterThanOrEqual(polls === 1 ? 0 : closed - FINAL_AFTER / HOUR);
          }
          return Promise.resolve({ incidents: [], findings: [] });
        },
      }),
    });

    expect(polls).toBe(((part.to - part.from) / HOUR) * 12);
  });

  it('enters an incident when it is first known, once, also if late data move its start', async () => {
    const limit = event.extra[1]! / 2;
    const entries = await replayPolls({
      ...part,
      createJudge: () => ({
        judge: ({ series, closed }) => {
          const subject = { series: leafOf(series) };
          const first = subject.series?.tokens.findIndex((value, hour) => hour >= 72 && value > limit) ?? -1;
          const incident = {
            subject,
            rule: 'over',
            severity: 'page',
            start: start + first * HOUR,
            end: start + (closed + 1) * HOUR,
            largest: { value: 1, expected: 0, limit, text: '' },
          };
          return Promise.resolve({
            incidents: first === -1 ? [] : [incident as unknown as Incident],
            findings: [],
          });
        },
      }),
    });

    expect(entries).toHaveLength(1);
    const [{ fired_at, end }] = entries as [(typeof entries)[0]];
    expect(fired_at % (5 * MINUTE)).toBe(0);
    expect(fired_at).toBeGreaterThan(event.start + 10 * MINUTE);
    expect(fired_at).toBeLessThan(event.start + 3 * HOUR);
    expect(end).toBeGreaterThan(event.end);
  });
});
