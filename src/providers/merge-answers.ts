import { sumRecords } from '../usage/aggregate.ts';
import type { ReadResult, DropReason } from './provider.ts';

/** One result from several: records of one series and time are summed, as are the counts of dropped rows. */
export function mergeAnswers(answers: readonly ReadResult[]): ReadResult {
  const dropped: Partial<Record<DropReason, number>> = {};
  for (const answer of answers) {
    for (const [reason, rows] of Object.entries(answer.dropped ?? {}) as [DropReason, number][]) {
      dropped[reason] = (dropped[reason] ?? 0) + rows;
    }
  }
  return { records: sumRecords(answers.flatMap(({ records }) => records)), dropped };
}
