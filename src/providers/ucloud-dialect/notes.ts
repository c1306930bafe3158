import { bucketStart } from '../../windows/calendar.ts';
import type { TimeSlice } from './records.ts';
import type { Usage } from './schema.ts';

/** What the answers so far tell about an account, which the vendor's documentation does not. */
export interface Observations {
  answer(usage: Usage, timeSlice: TimeSlice): void;
  notes(): string[];
}

export function createObservations(): Observations {
  const midnights = new Set<number>();
  let finerThanDays = false;
  let widerThanAsked = false;
  let totalsWithoutRows = false;

  return {
    answer({ rows, totals }, { window, bucket, zone }) {
      totalsWithoutRows ||= rows.length === 0 && Object.values(totals).some((count) => count > 0);
      if (bucket !== '1h') return;
      for (const row of rows) {
        if (!row) continue;
        widerThanAsked ||= row.time < window.start;
        if (row.time !== bucketStart(row.time, '1d', zone)) finerThanDays = true;
        else if (midnights.size < 2) midnights.add(row.time);
      }
    },

    notes() {
      const notes: string[] = [];
      if (!finerThanDays && (widerThanAsked || midnights.size > 1)) {
        notes.push(
          'Every row so far stands at the start of a day: use `bucket: 1d`, hours are not to be had.',
        );
      }
      if (totalsWithoutRows) {
        notes.push(
          'This account gets totals without rows, so its points carry no model: list `models` to have them told apart.',
        );
      }
      return notes;
    },
  };
}
