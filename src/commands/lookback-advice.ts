import { formatSpan } from '../config/duration.ts';
import type { LatenessAdvice } from '../collect/status/lateness.ts';

/** What the measured lateness says about the lookback. */
export function describeLookback({ completeAfter, share }: LatenessAdvice, lookback: number): string {
  const percent = (Math.floor(share * 1000) / 10).toFixed(1);
  const when =
    completeAfter === 0
      ? 'when their bucket closed'
      : `${formatSpan(completeAfter)} after their bucket closed`;
  const advice = completeAfter * 2 > lookback ? '; a longer lookback may find more' : '';
  return `${percent} % of tokens had arrived ${when}; the lookback is ${formatSpan(lookback)}${advice}`;
}
