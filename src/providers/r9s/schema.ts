import { z } from 'zod';
import { rows } from '../../fetch/rows.ts';
import { CountField } from '../../usage/count-schema.ts';
import type { Count } from '../../usage/count.ts';
import { TimeField } from '../../usage/time-schema.ts';

/** The envelope of every answer. Success is code 200 in the documentation and 0 in the vendor's own code. */
export const Envelope = z.object({
  meta: z.object({ code: z.int(), message: z.string().nullish(), request_id: z.string().nullish() }),
});

const Id = z.union([z.string(), z.int(), z.bigint()], { error: 'expected an id' }).transform(String);
const OptionalId = Id.nullish().transform((id) => id || undefined);

/** One request, in the answers to newer accounts. */
const Row = z.object({
  id: Id.pipe(z.string().min(1)),
  request_time: TimeField,
  model: OptionalId,
  token_id: OptionalId,
  user_id: OptionalId,
  custom_user_id: OptionalId,
  input_token: CountField,
  output_token: CountField,
  cached_token: CountField.nullish().transform((count) => count ?? undefined),
});
export type Row = z.output<typeof Row>;

/** The total of one model and time, in the documented answer. */
const UsageTotal = z.object({
  timestamp: TimeField,
  model: OptionalId,
  tokens: CountField,
});
export type UsageTotal = z.output<typeof UsageTotal>;

export type Page =
  | { readonly shape: 'list'; readonly rows: readonly Row[]; readonly total: number }
  | { readonly shape: 'records'; readonly rows: readonly UsageTotal[]; readonly totalTokens: Count };

/** One page of usage in either shape. */
export const UsagePage = z
  .object({
    data: z
      .object({
        list: rows(Row).nullish(),
        total: z.int().nonnegative().optional(),
        records: rows(UsageTotal).nullish(),
        total_tokens: CountField.optional(),
      })
      .transform((data, context): Page => {
        if (data.list !== undefined && data.total !== undefined) {
          return { shape: 'list', rows: data.list ?? [], total: data.total };
        }
        if (data.records !== undefined && data.total_tokens !== undefined) {
          return { shape: 'records', rows: data.records ?? [], totalTokens: data.total_tokens };
        }
        const message = 'expected `list` with `total`, or `records` with `total_tokens`';
        context.issues.push({ code: 'custom', message, input: data });
        return z.NEVER;
      }),
  })
  .transform((answer) => answer.data);
