import { FetchError } from '../../fetch/errors.ts';
import { bucketStart } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import type { TimeSlice } from './records.ts';
import type { Usage } from './schema.ts';
import { DAY, HOUR } from '../../windows/units.ts';

/** The time zone of the vendor's hours and days. */
export const ZONE = 'Asia/Shanghai';
const ACTION = 'GetUMInferTokenUsage';

/**
 * Throws if the rows of an answer are wider than the buckets of the job, which the vendor does not document: such a
 * row covers usage outside its bucket. `request` reads another range of the same key and model.
 */
export type RequireNarrowRows = (
  usage: Usage,
  timeSlice: TimeSlice,
  request: (window: Window) => Promise<Usage>,
) => Promise<void>;

/** The check for one account. @throws FetchError from the returned function */
export function createRowWidthCheck(): RequireNarrowRows {
  let isFinerThanDays = false;

  return async (usage, timeSlice, request) => {
    const { window, bucket, zone } = timeSlice;
    const times = timesOf(usage);
    const hour = startOf(window.start, '1h');
    if (hour < window.start && times.includes(hour)) throw hourlyRows(zone);
    isFinerThanDays ||= times.some((time) => time !== startOf(time, '1d'));
    const [first] = times;
    const isAligned =
      bucket === '1d' && [window.start, window.end].every((time) => time === startOf(time, '1d'));
    if (isFinerThanDays || isAligned || first === undefined) return;
    // Rows of hours may all be in the first hour of a day. The rest of the day has no such row, unless it is the day's.
    const day = startOf(window.start, '1d');
    const isDaily =
      (day < window.start && times.includes(day)) ||
      timesOf(await request({ start: first + HOUR, end: first + DAY })).includes(first);
    if (isDaily) throw dailyRows(timeSlice);
  };
}

function timesOf({ rows }: Usage): number[] {
  return rows.flatMap((row) => (row ? [row.time] : []));
}

function startOf(time: number, width: '1h' | '1d'): number {
  return bucketStart(time, width, ZONE);
}

function hourlyRows(zone: string): FetchError {
  return new FetchError('refused', `${ACTION}: rows of an hour overlap the buckets of zone ${zone}`, {
    hint: `Set \`zone\` in the job to one whose offset from UTC is whole hours, such as ${ZONE}.`,
  });
}

function dailyRows({ bucket, zone }: TimeSlice): FetchError {
  const settings = [
    ...(bucket === '1d' ? [] : ['`bucket: 1d`']),
    ...(startOf(0, '1d') === bucketStart(0, '1d', zone) ? [] : [`\`zone: ${ZONE}\``]),
  ];
  const buckets = bucket === '1d' ? `days of ${zone}` : 'hours';
  return new FetchError(
    'refused',
    `${ACTION}: this account gets rows per day of ${ZONE}, not per ${buckets}`,
    {
      hint: `Set ${settings.join(' and ')} in the job.`,
    },
  );
}
