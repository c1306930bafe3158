import { z } from 'zod';
import { rows } from '../../fetch/rows.ts';
import { SecretField } from '../../fetch/secret-schema.ts';
import { CountField } from '../../usage/count-schema.ts';

/** The envelope of every answer. Code 0 is success. */
export const Envelope = z.object({
  code: z.union([z.number(), z.string()]).transform(String),
  message: z.string().optional(),
  request_id: z.string().optional(),
});

const Seconds = z
  .union([z.number(), z.string().regex(/^[0-9]+$/)], { error: 'expected a number of seconds' })
  .transform(Number)
  .pipe(z.number().positive());

const TokenFields = z.object({
  access_token: SecretField.optional(),
  expire: Seconds.optional(),
  expires_in: Seconds.optional(),
});

/** The documented lifetime of a token, if the answer has none. */
const DEFAULT_SECONDS = 7200;

/** The token is at the top level or under `data`: both occur. */
export const TokenResponse = TokenFields.extend({ data: TokenFields.nullish() }).transform(
  (answer, context) => {
    const inner = answer.data ?? {};
    const token = answer.access_token ?? inner.access_token;
    if (!token) {
      context.addIssue({
        code: 'custom',
        path: ['access_token'],
        message: 'expected a token here or under data',
      });
      return z.NEVER;
    }
    const seconds = answer.expire ?? answer.expires_in ?? inner.expire ?? inner.expires_in ?? DEFAULT_SECONDS;
    return { token, seconds };
  },
);

const Id = z
  .union([z.int().nonnegative(), z.bigint().nonnegative(), z.string().regex(/^[0-9]+$/)], {
    error: 'expected a numeric user id',
  })
  .transform(String);

/** An empty list may be null. */
function listOf<T>(entry: z.ZodType<T>) {
  return rows(entry)
    .nullable()
    .transform((list) => list ?? []);
}

export const Member = z
  .object({ email: z.string().nullish(), user_id: Id.nullish(), id: Id.nullish() })
  .transform(({ email, user_id, id }) => ({
    email: email?.trim() || undefined,
    id: user_id ?? id ?? undefined,
  }));
export type Member = z.infer<typeof Member>;

/** https://docs.trae.cn/enterprise_get-user-list */
export const MemberPage = z
  .object({
    data: z.object({
      items: listOf(Member),
      pagination: z.object({ total_pages: z.int().nonnegative(), total: z.int().nonnegative().optional() }),
    }),
  })
  .transform(({ data }) => ({
    members: data.items,
    totalPages: data.pagination.total_pages,
    total: data.pagination.total,
  }));
export type MemberPage = z.infer<typeof MemberPage>;

const ModelUsage = z.object({
  model_name: z.string(),
  model_type: z.string(),
  model_source: z.string(),
  usage: z.object({ input_tokens: CountField, output_tokens: CountField }),
});

const MemberUsage = z.object({ email: z.string().nullish(), model_usage: listOf(ModelUsage) });
export type MemberUsage = z.infer<typeof MemberUsage>;

/** https://docs.trae.cn/enterprise_get-model-usage-for-users */
export const UsageResponse = z
  .object({ data: z.object({ items: listOf(MemberUsage) }) })
  .transform(({ data }) => data.items);
