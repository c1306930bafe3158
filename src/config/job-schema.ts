import { z } from 'zod';
import { SecretField } from '../fetch/secret-schema.ts';
import type { Provider } from '../providers/provider.ts';
import { isZone } from '../windows/calendar.ts';
import { LIMITED_TAGS } from '../usage/point.ts';
import { BUCKETS } from '../windows/window.ts';
import { parseDuration } from './duration.ts';
import type { SchemaNode } from './schema-node.ts';
import { closest } from './suggest.ts';

const DURATION_RULE = 'must be a number with s, m, h, d or w: 5m, 2h, 3d, 1w';
const SHORTEST_PSEUDONYM_KEY = 16;
const TAG_LIMIT = 10_000;
const OPTIONS = 'Options of the provider.';

/** A duration such as `3d`, parsed to seconds. */
export const Duration = z.string().transform((text, context) => {
  const seconds = parseDuration(text);
  if (seconds !== undefined) return seconds;
  context.issues.push({ code: 'custom', message: DURATION_RULE, input: undefined });
  return z.NEVER;
});

export const Zone = z.string().refine(isZone, {
  error: ({ input }) => {
    const meant = closest(String(input), Intl.supportedValuesOf('timeZone'));
    return meant === undefined
      ? 'is not a time zone; write its name, such as UTC, Asia/Shanghai or Europe/Berlin'
      : `is not a time zone; did you mean ${meant}?`;
  },
});
const TagLimit = z.int().min(1).default(TAG_LIMIT);

/** Keys of a job file. `options` has the provider's own schema. Editors show the descriptions. */
export const JobFields = z.strictObject({
  provider: z.string().describe('The provider to collect from.'),
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lowercase letters, digits and hyphens, at most 63')
    .describe('Name of the job in commands, logs and metrics. Default: the file name.'),
  account: z
    .string()
    .regex(/^\S(.*\S)?$/, 'must not be empty, nor begin or end with a space')
    .max(200)
    .default('default')
    .describe(
      'The tag account: distinguishes several accounts of one provider. Part of the identity of every point.',
    ),
  enabled: z
    .boolean()
    .default(true)
    .describe('Set to false to disable the job; the rest of the file is then not validated.'),
  dataset: z
    .string()
    .optional()
    .describe("Which of the provider's statistics to collect. Default: the provider's first."),
  schedule: z.string().default('*/5 * * * *').describe('When to poll: a cron expression, in quotes.'),
  schedule_zone: Zone.default('UTC').describe('Time zone of the schedule.'),
  bucket: z
    .enum(BUCKETS)
    .optional()
    .describe("Bucket width: the time span of one point. Default: the provider's."),
  zone: Zone.optional().describe("Time zone of the buckets. Default: the provider's."),
  start: z
    .string()
    .default('30d')
    .describe("Start of collection: a date or time (2026-10-01, in the job's zone) or an age (30d)."),
  end: z.string().optional().describe('End of collection: a date or time. Default: none.'),
  lookback: Duration.prefault('3d').describe(
    'How long closed buckets are re-read, because providers correct their numbers.',
  ),
  retention: Duration.optional().describe(
    'How far back the provider answers, such as 90d; older gaps expire. Default: unknown.',
  ),
  options: z.record(z.string(), z.unknown()).optional().describe(OPTIONS),
  rate_limit: z
    .strictObject({
      per_second: z.number().positive().max(1000).optional().describe('Requests per second on average.'),
      concurrency: z.int().min(1).max(100).optional().describe('The most requests in flight.'),
    })
    .prefault({})
    .describe("Replaces the provider's request rate. Jobs of one host share the lowest rate."),
  tag_limits: z
    .strictObject(Object.fromEntries(LIMITED_TAGS.map((tag) => [tag, TagLimit])))
    .prefault({})
    .describe(
      'Maximum number of distinct values per tag; usage of further values is stored under __other__.',
    ),
  pseudonymise_users: z
    .strictObject({
      key: SecretField.refine(
        (secret) => secret.reveal().length >= SHORTEST_PSEUDONYM_KEY,
        `must have at least ${SHORTEST_PSEUDONYM_KEY} characters: try openssl rand -hex 32`,
      ).describe('Key of the hash. Another key gives other pseudonyms.'),
    })
    .optional()
    .describe('Store users under a keyed hash instead of their names.'),
  teams: z
    .string()
    .min(1)
    .optional()
    .describe('CSV file with the columns email and team, relative to this file; adds the tag team.'),
});
export type JobFields = z.infer<typeof JobFields>;

/** A zod schema's input as JSON schema draft 7. */
export function inputSchema(schema: z.ZodType): SchemaNode {
  const { $schema: _, ...node } = z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
  });
  return node as SchemaNode;
}

let common: SchemaNode | undefined;

/** Schema of a job file for one provider; accepts any options if the provider is unknown. */
export function jobFileSchema(provider: Provider | undefined, providerIds: readonly string[]): SchemaNode {
  common ??= inputSchema(JobFields);
  const properties = { ...common.properties };
  properties['provider'] = { ...properties['provider'], type: 'string', enum: providerIds };
  if (provider) {
    properties['options'] = { ...inputSchema(provider.options), description: OPTIONS };
    const [first] = provider.datasets;
    const ids = provider.datasets.map(({ id }) => id);
    properties['dataset'] = { ...properties['dataset'], enum: ids, default: first.id };
    properties['bucket'] = { ...properties['bucket'], default: first.defaultBucket };
    properties['zone'] = { ...properties['zone'], default: provider.zone };
  }
  return { ...common, properties, required: ['provider'] };
}
