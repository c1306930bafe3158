import { z } from 'zod';
import { SecretField } from '../../fetch/secret-schema.ts';

/** Ways of inference, as Ark names them (https://www.volcengine.com/docs/82379/1390292). */
export const SCENES = ['Ordinary', 'Batch', 'BatchChat'] as const;

const distinct = (values: readonly string[]): boolean => new Set(values).size === values.length;
const TWICE = 'duplicate name';

export const Options = z.strictObject({
  access_key_id: z
    .string()
    .min(1)
    .describe('Access key id of an IAM user that may call ark:GetUsage and ark:ListEndpoints.'),
  secret_access_key: SecretField.describe('The secret of the access key id.'),
  session_token: SecretField.optional().describe('Security token, for temporary (STS) credentials only.'),
  base_url: z
    .url({ protocol: /^https?$/ })
    .default('https://open.volcengineapi.com')
    .describe('URL of the API.'),
  region: z.string().min(1).default('cn-beijing').describe('Region of the signature.'),
  projects: z
    .array(z.string().min(1))
    .min(1)
    .refine(distinct, TWICE)
    .default(['default'])
    .describe('Projects to read; each is a separate request.'),
  endpoints: z
    .union([z.enum(['all', 'none']), z.array(z.string().min(1)).min(1).refine(distinct, TWICE)])
    .default('all')
    .describe(
      '`all`: every inference endpoint of the projects; a list of endpoint ids; or `none`: one total per project, without endpoint and model.',
    ),
  scenes: z
    .array(z.enum(SCENES))
    .min(1)
    .refine(distinct, TWICE)
    .default([...SCENES])
    .describe('Ways of inference to read.'),
});
export type Options = z.infer<typeof Options>;
