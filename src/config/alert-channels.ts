import { z } from 'zod';
import { CHANNEL_OPTIONS } from '../notify/index.ts';
import { LANGUAGES } from '../notify/message.ts';
import { SEVERITIES } from '../usage/catalogue.ts';
import { describeIssue, diagnosticsOf } from './diagnostics.ts';
import type { FieldDiagnostic } from './errors.ts';
import { expand, type Expansion, type Sources } from './expand.ts';
import { inputSchema, Zone } from './job-schema.ts';
import type { SchemaNode } from './schema-node.ts';
import type { Path } from './yaml-file.ts';

const CLOCK = /^([01][0-9]|2[0-3]):([0-5][0-9])$/;

/** `22:30` as minutes after midnight. */
const ClockTime = z
  .string()
  .regex(CLOCK, "must be a time of day in quotes, from '00:00' to '23:59'")
  .transform((text) => {
    const [hour = '', minute = ''] = text.split(':');
    return Number(hour) * 60 + Number(minute);
  });

const QuietHours = z
  .strictObject({
    from: ClockTime.describe("Start, such as '22:00'."),
    to: ClockTime.describe("End, such as '08:00'; on the next day if it is before the start."),
    zone: Zone.describe('Time zone, such as Asia/Shanghai.'),
    severities: z
      .array(z.enum(SEVERITIES))
      .min(1)
      .default(['notice'])
      .describe('What is held back until the end of the quiet hours.'),
  })
  .refine(({ from, to }) => from !== to, 'from and to are the same');

/** Keys of every channel. */
export const COMMON_KEYS = {
  language: z.enum(LANGUAGES).default('en').describe('Language of the messages.'),
  severities: z
    .array(z.enum(SEVERITIES))
    .min(1)
    .default([...SEVERITIES])
    .describe('What the channel takes.'),
  teams: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Teams that the channel is for. Default: all, and what has no team.'),
  quiet_hours: QuietHours.optional().describe('When messages wait.'),
};

const { webhook, dingtalk, wecom, feishu, slack, email, alertmanager, pagerduty } = CHANNEL_OPTIONS;

const Channel = z.discriminatedUnion('kind', [
  webhook.extend(COMMON_KEYS),
  dingtalk.extend(COMMON_KEYS),
  wecom.extend(COMMON_KEYS),
  feishu.extend(COMMON_KEYS),
  slack.extend(COMMON_KEYS),
  email.extend(COMMON_KEYS),
  alertmanager.extend(COMMON_KEYS),
  pagerduty.extend(COMMON_KEYS),
]);
export type Channel = z.infer<typeof Channel>;

const Name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lowercase letters, digits and hyphens, at most 63');

/** The key `channels` of `alerts.yaml`. */
export const ChannelsSchema = z.record(Name, Channel).default({}).describe('Where messages go, by name.');

/** The channels of a file. */
export interface Channels {
  readonly channels: ReadonlyMap<string, Channel>;
  /** Channels with variables that are not set are disabled, as jobs are. */
  readonly off: readonly { readonly name: string; readonly reason: string }[];
}

const File = z.object({ channels: ChannelsSchema });
let schema: SchemaNode | undefined;

/** Validates the key `channels`. Paths of the diagnostics begin with it. */
export function parseChannels(
  given: unknown,
  { env, folder }: Pick<Sources, 'env' | 'folder'>,
): Channels & { readonly diagnostics: readonly FieldDiagnostic[] } {
  const raw = { channels: given };
  const prefix = 'tokentide';
  schema ??= inputSchema(File);
  const expansion = expand(raw, schema, { env, folder, prefix });
  const { missing } = expansion;
  // A value with an unset variable cannot be validated.
  const isUnknown = (path: Path): boolean =>
    missing.some((each) => each.path.every((key, index) => path[index] === key));
  const whole = File.safeParse(expansion.value, { error: describeIssue });
  const issues = diagnosticsOf(whole.error?.issues ?? [], { schema, raw, prefix, at: [] });
  const diagnostics = [...issues.filter(({ path }) => !isUnknown(path)), ...expansion.diagnostics];
  if (diagnostics.length > 0) return { channels: new Map(), off: [], diagnostics };
  const off = new Set(missing.map(({ path }) => String(path[1])));
  const { channels = {} } = expansion.value as { readonly channels?: Readonly<Record<string, unknown>> };
  const on = Object.entries(channels).filter(([name]) => !off.has(name));
  return {
    channels: new Map(Object.entries(ChannelsSchema.parse(Object.fromEntries(on)))),
    off: [...off].map((name) => ({ name, reason: notSet(name, missing) })),
    diagnostics,
  };
}

function notSet(channel: string, missing: Expansion['missing']): string {
  const names = [...new Set(missing.filter(({ path }) => path[1] === channel).map(({ name }) => name))];
  return `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} not set`;
}
