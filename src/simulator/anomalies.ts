import type { Tags } from '../usage/point.ts';
import { bucketStart } from '../windows/calendar.ts';
import { DAY, HOUR } from '../windows/units.ts';
import type { Window } from '../windows/window.ts';
import type { VendorId } from './vendors.ts';

/** A runaway loop: further requests of one series. */
export interface Spike {
  readonly vendor: VendorId;
  readonly series: Tags;
  readonly window: Window;
  /** Requests in an hour, on average. */
  readonly perHour: number;
}

/** What differs from everyday usage, so that dashboards and alert rules have something to show. */
export interface Anomalies {
  readonly spikes: readonly Spike[];
  /** A day for which the vendor does not return the usage of a key. */
  readonly gap: { readonly vendor: VendorId; readonly key: string; readonly window: Window };
  /** An endpoint whose requests are counted hours later. */
  readonly late: {
    readonly vendor: VendorId;
    readonly endpoint: string;
    /** The shortest and the longest delay, seconds. */
    readonly delay: number;
    readonly convergence: number;
  };
}

const ZONE = 'Asia/Shanghai';

/** @param now Unix seconds. The same during one hour, so that a demo that is started again tells the same story. */
export function anomaliesBefore(now: number): Anomalies {
  const hour = bucketStart(now, '1h', ZONE);
  const spikeDay = workdayBefore(now - 9 * DAY);
  const afternoon = spikeDay + 14 * HOUR;
  const gapDay = workdayBefore(spikeDay - DAY);
  return {
    spikes: [
      {
        vendor: 'ucloud',
        series: { key: 'uminferapikey-ucloud-batch', model: 'deepseek-ai/DeepSeek-V3' },
        window: { start: hour - 4 * HOUR, end: hour - HOUR },
        perHour: 250,
      },
      {
        vendor: 'trae',
        series: {
          user: "o'neil@example.com",
          model: 'Doubao-Seed-2.0-Code',
          model_type: 'Chat',
          model_source: 'Trae',
        },
        window: { start: afternoon, end: afternoon + 3 * HOUR },
        perHour: 600,
      },
    ],
    gap: {
      vendor: 'sigcal',
      key: 'uminferapikey-sigcal-research',
      window: { start: gapDay, end: gapDay + DAY },
    },
    late: { vendor: 'volcengine-ark', endpoint: 'ep-2026-1', delay: 2 * HOUR, convergence: 6 * HOUR },
  };
}

/** The start of the last working day that began before `time`. */
function workdayBefore(time: number): number {
  let day = bucketStart(time, '1d', ZONE);
  while (isWeekend(day)) day -= DAY;
  return day;
}

/** @param day the start of a day in Shanghai, which is still the day before in UTC */
function isWeekend(day: number): boolean {
  return [5, 6].includes(new Date(day * 1000).getUTCDay());
}
