/**
 * Thresholds of the rules on usage, by the name that a verdict carries. Everything else that a verdict depends on is in
 * `baseline.ts` and `spikes.ts`, with its reason.
 */

interface Rule {
  readonly off: boolean;
}

export interface SpikeRule extends Rule {
  /** How many standard deviations above the usual an hour has to be. */
  readonly z: number;
  /** And how many times the usual. */
  readonly ratio: number;
  /** From this multiple of the usual on, one window is enough for a page. */
  readonly page_ratio: number;
  /** Tokens above the usual in an hour, below which nothing is a spike. */
  readonly floor_tokens: number;
  /** The same as a share of the account's usual day; the larger of both counts. */
  readonly floor_share: number;
}

export interface Rules {
  readonly spike_key: SpikeRule;
  readonly spike_user: SpikeRule;
  readonly spike_endpoint: SpikeRule;
  readonly spike_model: SpikeRule;
  readonly spike_team: SpikeRule;
  readonly spike_account: SpikeRule;
  /** A fixed limit for every key, user and endpoint; 0: none. */
  readonly ceiling: Rule & { readonly tokens_per_hour: number };
  /** A key, user or endpoint without usage before that age. */
  readonly new_key: Rule & { readonly age_days: number; readonly tokens_per_hour: number };
  readonly new_model: Rule & { readonly tokens_per_day: number };
  /** A closed day of an account against the last four days of the same weekday. */
  readonly day: Rule & { readonly ratio: number; readonly extra_tokens: number };
  /** Use at night (from 00:00 to `until_hour`) or on rest days by a series that had none there in 28 days. */
  readonly night: Rule & { readonly until_hour: number; readonly tokens_per_hour: number };
  /** Tokens of an account in a month that begins on `first_day`; 0: none. */
  readonly budget: Rule & {
    readonly tokens: number;
    readonly first_day: number;
    /** Shares at which a notice is sent; 1 is a page. */
    readonly shares: readonly number[];
    /** Share that the month will reach at the pace so far. */
    readonly forecast_share: number;
    readonly forecast_from_day: number;
  };
  /** Cached share of the input of six hours against its median of 14 days. */
  readonly cache_share: Rule & { readonly ratio: number; readonly floor_input: number };
  /** Output per input of three hours against the 95th percentile of 14 days. */
  readonly output_ratio: Rule & { readonly ratio: number; readonly floor_output: number };
  /** Share of one key, user or endpoint in its account over 24 hours. */
  readonly dominance: Rule & {
    readonly share: number;
    readonly share_before: number;
    readonly account_tokens: number;
  };
}

export type RuleName = keyof Rules;

/** Keys, users and endpoints: what somebody can stop. */
const LEAF: SpikeRule = {
  off: false,
  z: 3.2,
  ratio: 2.5,
  page_ratio: 5,
  floor_tokens: 200_000,
  floor_share: 0.001,
};
/** Sums of many callers: a safety net for what no caller shows alone, with twice the ratio. */
const TOTAL: SpikeRule = { ...LEAF, z: 4, ratio: 5, page_ratio: 10, floor_tokens: 1_000_000 };

export const DEFAULT_RULES: Rules = {
  spike_key: LEAF,
  spike_user: LEAF,
  spike_endpoint: LEAF,
  spike_model: TOTAL,
  spike_team: TOTAL,
  spike_account: TOTAL,
  ceiling: { off: false, tokens_per_hour: 0 },
  new_key: { off: false, age_days: 7, tokens_per_hour: 500_000 },
  new_model: { off: false, tokens_per_day: 100_000 },
  day: { off: false, ratio: 2.5, extra_tokens: 5_000_000 },
  night: { off: false, until_hour: 6, tokens_per_hour: 200_000 },
  budget: {
    off: false,
    tokens: 0,
    first_day: 1,
    shares: [0.5, 0.8, 1],
    forecast_share: 1.1,
    forecast_from_day: 5,
  },
  cache_share: { off: false, ratio: 0.5, floor_input: 1_000_000 },
  output_ratio: { off: false, ratio: 3, floor_output: 300_000 },
  dominance: { off: false, share: 0.6, share_before: 0.3, account_tokens: 5_000_000 },
};
