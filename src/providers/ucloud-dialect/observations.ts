import { bucketStart } from '../../windows/calendar.ts';
import type { TimeSlice } from './records.ts';
import type { Usage } from './schema.ts';

/** What the answers show about an account and the vendor does not document. */
export interface Observations {
  answer(usage: Usage, timeSlice: TimeSlice): void;
  warnings(): string[];
}

export function createObservations(): Observations {
  const midnights = new Set<number>();
  let finerThanDays = false;
  let widerThanRequested = false;
  let totalsWithoutRows = false;

  return {
    answer({ rows, totals }, { window, bucket, zone }) {
      totalsWithoutRows ||= rows.length === 0 && Object.values(totals).some((count) => count > 0);
      if (bucket !== '1h') return;
      for (const row of rows) {
        if (!row) continue;
        widerThanRequested ||= row.time < window.start;
        if (row.time !== bucketStart(row.time, '1d', zone)) finerThanDays = true;
        else if (midnights.size < 2) midnights.add(row.time);
      }
    },

    warnings() {
      const warnings: string[] = [];
      if (!finerThanDays && (widerThanRequested || midnights.size > 1)) {
        warnings.push(
          'All rows are at the start of a day: use `bucket: 1d`, this account has no hourly usage.',
        );
      }
      if (totalsWithoutRows) {
        warnings.push(
          'This account gets totals without rows, so its points have no model: list `models` in the job to get one total per model.',
        );
      }
      return warnings;
    },
  };
}
