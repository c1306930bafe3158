import { describe, expect, it } from 'vitest';
import { anomaliesBefore } from '../../src/simulator/anomalies.ts';
import { companyUsage } from '../../src/simulator/company-usage.ts';
import { tokensOf } from '../../src/usage/aggregate.ts';
import { seriesKey } from '../../src/usage/series.ts';
import { VENDORS } from '../../src/simulator/vendors.ts';
import type { World } from '../../src/simulator/world.ts';
import { DAY, HOUR } from '../../src/windows/units.ts';

const TUESDAY = Date.parse('2026-11-24T22:20:00+08:00') / 1000;
const WEEK = Array.from({ length: 7 }, (_, day) => TUESDAY + day * DAY);

function usageAt(now: number): ReturnType<typeof companyUsage> {
  return companyUsage({
    start: now - 31 * DAY,
    end: now,
    convergence: 1200,
    anomalies: anomaliesBefore(now),
  });
}

describe.each(WEEK)('the anomalies of a demo that starts at %s', (now) => {
  const { spikes, gap, late } = anomaliesBefore(now);
  const usage = usageAt(now);

  it('have two spikes of three hours that are ten times the usual hour of their series', () => {
    for (const { vendor, series, window } of spikes) {
      const hours = new Map<number, bigint>();
      for (const { time, tags, fields } of usage[vendor].events) {
        if (seriesKey(tags) !== seriesKey(series)) continue;
        const hour = Math.floor(time / HOUR) * HOUR;
        hours.set(hour, (hours.get(hour) ?? 0n) + tokensOf(fields));
      }
      const isInside = (hour: number): boolean => hour >= window.start && hour < window.end;
      const inside = [...hours].filter(([hour]) => isInside(hour)).map(([, tokens]) => Number(tokens));
      const usual = [...hours].filter(([hour]) => !isInside(hour)).map(([, tokens]) => Number(tokens));

      expect(inside).toHaveLength(3);
      expect(Math.min(...inside)).toBeGreaterThan(10 * Math.max(...usual));
    }
  });

  it('have one spike that has just ended, and a bigger one nine days ago or on the working day before', () => {
    const [recent, older] = spikes.map(({ window }) => now - window.end);

    expect(recent).toBeGreaterThanOrEqual(HOUR);
    expect(recent).toBeLessThan(2 * HOUR);
    expect(older).toBeGreaterThan(8 * DAY);
    expect(older).toBeLessThan(12 * DAY);
    expect(spikes[1]!.perHour).toBeGreaterThan(2 * spikes[0]!.perHour);
  });

  it('have a gap of one key on a day on which the key was used', () => {
    const own = usage[gap.vendor].events.filter(({ tags }) => tags.key === gap.key);

    const missing = own.filter(({ time }) => time >= gap.window.start && time < gap.window.end);

    expect(missing.length).toBeGreaterThan(10);
    expect(missing.length).toBeLessThan(own.length / 10);
    // Later than the days that `reconcile` compares by default.
    expect(gap.window.end).toBeLessThan(now - 8 * DAY);
  });

  it('have usage that is counted hours later, at any time of day', () => {
    const delays = usage[late.vendor].events
      .filter(({ tags }) => tags.endpoint === late.endpoint)
      .filter(({ time }) => time >= now - DAY)
      .map(({ time, visibleAt }) => visibleAt - time);

    expect(delays.length).toBeGreaterThan(48);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(2 * HOUR);
    expect(Math.max(...delays)).toBeLessThanOrEqual(6 * HOUR);
  });
});

describe('the usage of the company', () => {
  it('is the same, hour by hour, whenever it starts', () => {
    const [earlier, later] = [usageAt(TUESDAY), usageAt(TUESDAY + 1700)];
    const since = TUESDAY - 30 * DAY;
    const requests = ({ events }: World): unknown[] =>
      events.filter(({ time }) => time >= since && time < TUESDAY).map((event) => ({ ...event, id: '' }));

    for (const vendor of VENDORS) expect(requests(later[vendor])).toEqual(requests(earlier[vendor]));
  });

  it('has every hour of a series with a recent spike, so that a later run overwrites the spike', () => {
    const { vendor, series } = anomaliesBefore(TUESDAY).spikes[0]!;
    const plain = companyUsage({ start: TUESDAY - 7 * DAY, end: TUESDAY });
    const own = plain[vendor].events.filter(({ tags }) => seriesKey(tags) === seriesKey(series));

    expect(new Set(own.map(({ time }) => Math.floor(time / HOUR))).size).toBe(7 * 24);
  });
});
