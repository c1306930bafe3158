import type { Point } from '../../src/usage/point.ts';
import { bucketStart, wallTime } from '../../src/windows/calendar.ts';
import { DAY, HOUR } from '../../src/windows/units.ts';

const ZONE = 'Asia/Shanghai';
const HISTORY_DAYS = 35;
const DAYS = 14;
/** Monday 2025-06-09 in Shanghai: a fortnight without public holidays. */
const FROM = Date.parse('2025-06-09T00:00:00+08:00') / 1000;
const NIGHT_TOKENS = 5_000;
const OFFICE_TOKENS = 400_000;

/** A fortnight of six keys with office hours, what is before it, and one labelled spike in it. */
export const FORTNIGHT = {
  from: '2025-06-09',
  to: '2025-06-23',
  spike: {
    key: 'key-4',
    /** A Wednesday, 15:00 to 18:00. */
    start: FROM + 9 * DAY + 15 * HOUR,
    end: FROM + 9 * DAY + 18 * HOUR,
    tokens: 12_000_000,
  },
} as const;

/** The points, as another program could write them too. */
export function fortnight(account = 'main'): Point[] {
  const start = FROM - HISTORY_DAYS * DAY;
  return Array.from({ length: (HISTORY_DAYS + DAYS) * 24 * 6 }, (_, index) => {
    const key = `key-${index % 6}`;
    const time = start + Math.floor(index / 6) * HOUR;
    const { spike } = FORTNIGHT;
    const isSpike = key === spike.key && time >= spike.start && time < spike.end;
    const tokens = isSpike ? spike.tokens : usual(time, index);
    return {
      time,
      tags: { provider: 'ucloud', account, bucket: '1h', key, model: `model-${index % 2}` },
      fields: { tokens, input_tokens: Math.floor(tokens * 0.75), output_tokens: Math.ceil(tokens * 0.25) },
    };
  });
}

/** Within 30 % of the usual of an office or of a night; the same at each call. */
function usual(time: number, index: number): number {
  const weekday = new Date(bucketStart(time, '1d', ZONE) * 1000 + 8 * HOUR * 1000).getUTCDay();
  const hour = Number(wallTime(time, ZONE).slice(11, 13));
  const isOffice = weekday % 6 !== 0 && hour >= 9 && hour < 19;
  const noise = 0.7 + 0.6 * ((index * 7_919) % 1_000) * 0.001;
  return Math.floor((isOffice ? OFFICE_TOKENS : NIGHT_TOKENS) * noise);
}
