import { z } from 'zod';
import { SecretField } from '../../fetch/secret-schema.ts';

export const R9sOptions = z.strictObject({
  management_key: SecretField.describe('Management key (`sk_mg_...`) with the scope `usage:read`.'),
  base_url: z
    .url({ protocol: /^https?$/ })
    .default('https://portal-api.r9s.ai/api/v1/portal/management')
    .describe('URL of the management API, including its path.'),
  page_size: z.int().min(1).max(1000).default(100).describe("Rows per page. The vendor's own tools use 100."),
});

export type R9sOptions = z.output<typeof R9sOptions>;
