import { z } from 'zod';
import { DEFAULT_RULES, type RuleName, type Rules } from '../alerts/rules.ts';
import { ChannelsSchema } from './alert-channels.ts';
import { parseInstant } from './instant.ts';
import { inputSchema, Zone } from './job-schema.ts';
import type { SchemaNode } from './schema-node.ts';

/** A date such as `2026-10-01`. */
export function isDate(text: string): boolean {
  return text.length === '2026-10-01'.length && parseInstant(text, 'UTC') !== undefined;
}

const DateText = z.string().refine(isDate, 'must be a date that exists, such as 2026-10-01');
const Dates = z.array(DateText).default([]);

const days = z.int().min(1);
const share = z.number().min(0).max(1);
const tokens = z.int().min(0);
const factor = z.number().min(1);

type Thresholds<N extends RuleName> = Omit<Rules[N], 'off'>;
/** A description and a schema per threshold: one that `Rules` has and the file does not is a type error. */
type Shape<N extends RuleName> = {
  readonly [K in keyof Thresholds<N>]: readonly [z.ZodType<Thresholds<N>[K]>, string];
};

/** Thresholds of one rule. All are optional, so that those of an account can replace some of them. */
function rule<N extends RuleName>(name: N, description: string, shape: Shape<N>) {
  const described = Object.entries<readonly [z.ZodType, string]>({
    off: [z.boolean(), 'Set to true to turn the rule off.'],
    ...shape,
  }).map(([key, [schema, text]]) => {
    const preset = DEFAULT_RULES[name][key as keyof Rules[N]];
    return [key, schema.optional().meta({ description: text, default: preset })];
  });
  const fields = Object.fromEntries(described) as {
    [K in keyof Rules[N]]: z.ZodOptional<z.ZodType<Rules[N][K]>>;
  };
  return z.strictObject(fields).optional().meta({ description });
}

const spike = {
  z: [factor, 'Standard deviations above the usual.'],
  ratio: [factor, 'And at least this multiple of the usual.'],
  page_ratio: [factor, 'From this multiple on, one window is enough for a page.'],
  floor_tokens: [tokens, 'And at least this many tokens above the usual in an hour.'],
  floor_share: [share, "The same as a share of the account's usual day; the larger of both counts."],
} as const satisfies Shape<'spike_key'>;

/** Rules in the order of the documentation. */
export const RuleFields = z.strictObject({
  spike_key: rule('spike_key', 'Tokens of a key far above its usual for this hour.', spike),
  spike_user: rule('spike_user', 'The same for a user.', spike),
  spike_endpoint: rule('spike_endpoint', 'The same for an endpoint.', spike),
  spike_model: rule('spike_model', 'The same for a model.', spike),
  spike_team: rule('spike_team', 'The same for a team.', spike),
  spike_account: rule('spike_account', 'The same for all usage of an account.', spike),
  ceiling: rule('ceiling', 'A fixed limit for every key, user and endpoint.', {
    tokens_per_hour: [tokens, 'Tokens in an hour; 0: no limit.'],
  }),
  new_key: rule('new_key', 'A new key, user or endpoint uses a lot.', {
    age_days: [days, 'Days since its first usage.'],
    tokens_per_hour: [tokens, 'Tokens in an hour.'],
  }),
  new_model: rule('new_model', 'A model appears for the first time.', {
    tokens_per_day: [tokens, 'Tokens in a day.'],
  }),
  day: rule('day', 'A day of an account far above the last four days of the same weekday.', {
    ratio: [factor, 'Multiple of their median.'],
    extra_tokens: [tokens, 'And at least this many tokens above it.'],
  }),
  night: rule('night', 'Usage at night or on rest days by a series that had none there in 28 days.', {
    until_hour: [z.int().min(0).max(24), 'The night is from 00:00 until this hour.'],
    tokens_per_hour: [tokens, 'Tokens in an hour.'],
  }),
  budget: rule('budget', 'Tokens of an account in a month.', {
    tokens: [tokens, 'Tokens in a month; 0: no budget.'],
    first_day: [z.int().min(1).max(28), 'The day on which the month begins.'],
    shares: [
      z.array(z.number().min(0.01)).min(1).readonly(),
      'Shares of the budget at which a message is sent; from 1 on it is a page.',
    ],
    forecast_share: [
      z.number().min(0.01),
      'Share of the budget that the month will reach at the pace so far.',
    ],
    forecast_from_day: [z.int().min(1).max(31), 'The day of the month from which there is a forecast.'],
  }),
  cache_share: rule('cache_share', 'Far less of the input than usual comes from a cache.', {
    ratio: [share, 'Cached share of the input of six hours, as a fraction of its median of 14 days.'],
    floor_input: [tokens, 'Input tokens in six hours below which it is not judged.'],
  }),
  output_ratio: rule('output_ratio', 'Far more output per input than usual.', {
    ratio: [factor, 'Output / input of three hours, as a multiple of its 95th percentile of 14 days.'],
    floor_output: [tokens, 'Output tokens in three hours below which it is not judged.'],
  }),
  dominance: rule('dominance', 'One key, user or endpoint suddenly makes up most of its account.', {
    share: [share, "Share of its account's tokens in 24 hours."],
    share_before: [share, 'Only if its share of the days before was smaller.'],
    account_tokens: [tokens, 'Tokens of the account in 24 hours below which it is not judged.'],
  }),
} satisfies Record<RuleName, z.ZodType>);
export type RuleFields = z.infer<typeof RuleFields>;

const AccountFields = z.strictObject({
  provider: z.string().min(1).describe('The tag provider.'),
  account: z.string().min(1).default('default').describe('The tag account.'),
  rules: RuleFields.describe('Thresholds that differ for this account.'),
});

/** Keys of `alerts.yaml` but for the channels. Editors show the descriptions. */
export const AlertFields = z.strictObject({
  zone: Zone.default('Asia/Shanghai').describe('Time zone of days, nights and working hours.'),
  calendar: z
    .strictObject({
      country: z
        .enum(['cn', 'none'])
        .optional()
        .describe(
          'cn: public holidays and make-up working days of mainland China. none: Monday to Friday are working days. Default: cn in the time zone of China, else none.',
        ),
      holidays: Dates.describe('Further rest days.'),
      workdays: Dates.describe('Further working days; they take precedence over all rest days.'),
      file: z
        .string()
        .min(1)
        .optional()
        .describe(
          'CSV file with the columns date and day (holiday or workday), relative to this file: for other countries.',
        ),
    })
    .prefault({})
    .describe('Rest days, on which usage is compared with that of other rest days.'),
  off: z.boolean().default(false).describe('Set to true to judge nothing while collecting.'),
  rules: RuleFields.prefault({}).describe('Rules by name, each with the thresholds that differ.'),
  accounts: z.array(AccountFields).default([]).describe('Thresholds of single accounts.'),
  grafana_url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("Address of a Grafana with tokentide's dashboards, for links in messages."),
});
export type AlertFields = z.infer<typeof AlertFields>;

let schema: SchemaNode | undefined;

/** Schema of `alerts.yaml`. */
export function alertsFileSchema(): SchemaNode {
  return (schema ??= inputSchema(AlertFields.extend({ channels: ChannelsSchema })));
}
