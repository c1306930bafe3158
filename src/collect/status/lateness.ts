/** The share of tokens that must have arrived before an age counts as late enough. */
const ENOUGH = 0.999;
/** Below this many tokens a share of 99.9 % means nothing. */
const LEAST_TOKENS = 10_000;

export interface LatenessRow {
  /** Seconds after a bucket's close at which it was read; 0 is while it was open or just closed. */
  readonly age: number;
  /** Tokens that this read was the first to show. */
  readonly tokens: number;
}

export interface LatenessAdvice {
  /** The age, in seconds, by which 99.9 % of the tokens were in. */
  readonly settledAfter: number;
  readonly share: number;
  readonly tokens: number;
}

/** The shares of tokens that were in by each age, ascending. */
export function arrivedBy(rows: readonly LatenessRow[]): { age: number; share: number }[] {
  const total = rows.reduce((sum, { tokens }) => sum + tokens, 0);
  let arrived = 0;
  return rows.map(({ age, tokens }) => {
    arrived += tokens;
    return { age, share: total === 0 ? 1 : arrived / total };
  });
}

/** How long a bucket has to be re-read, from evidence; undefined while there is too little of it. */
export function lateness(rows: readonly LatenessRow[]): LatenessAdvice | undefined {
  const tokens = rows.reduce((sum, row) => sum + row.tokens, 0);
  if (tokens < LEAST_TOKENS) return undefined;
  const first = arrivedBy(rows).find(({ share }) => share >= ENOUGH);
  return first && { settledAfter: first.age, share: first.share, tokens };
}
