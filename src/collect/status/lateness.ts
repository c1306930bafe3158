/** The share of tokens that must have arrived by an age to recommend it. */
const ENOUGH = 0.999;
/** With fewer tokens, a share of 99.9 % is not significant. */
const LEAST_TOKENS = 10_000;

export interface LatenessRow {
  /** Seconds between a bucket's close and the read; 0 while it was open or just closed. */
  readonly age: number;
  /** Tokens first seen at this age. */
  readonly tokens: number;
}

export interface LatenessAdvice {
  /** The age, in seconds, by which 99.9 % of the tokens had arrived. */
  readonly completeAfter: number;
  readonly share: number;
  readonly tokens: number;
}

/** The share of tokens that had arrived by each age, ascending. */
export function arrivedBy(rows: readonly LatenessRow[]): { age: number; share: number }[] {
  const total = rows.reduce((sum, { tokens }) => sum + tokens, 0);
  let arrived = 0;
  return rows.map(({ age, tokens }) => {
    arrived += tokens;
    return { age, share: total === 0 ? 1 : arrived / total };
  });
}

/** How long a bucket must be re-read, from measured lateness; undefined while too little was measured. */
export function lateness(rows: readonly LatenessRow[]): LatenessAdvice | undefined {
  const tokens = rows.reduce((sum, row) => sum + row.tokens, 0);
  if (tokens < LEAST_TOKENS) return undefined;
  const first = arrivedBy(rows).find(({ share }) => share >= ENOUGH);
  return first && { completeAfter: first.age, share: first.share, tokens };
}
