import { z } from 'zod';
import { SecretField } from '../../fetch/secret-schema.ts';

const Id = z.string().trim().min(1);
const Ids = z.array(Id).min(1);

/** The schema of a job's `options:`. The brands differ in `defaultBaseUrl` only. */
export function dialectOptions(defaultBaseUrl: string) {
  return z
    .strictObject({
      public_key: Id.describe("Public key of the account's API key pair, from the console."),
      private_key: SecretField.describe('Private key of the same pair. It signs requests and is never sent.'),
      base_url: z
        .url({ protocol: /^https?$/ })
        .default(defaultBaseUrl)
        .describe('URL of the API.'),
      projects: Ids.optional().describe(
        "Project ids, which become the tag `project`. Without it the account's default project is read, " +
          'untagged. Sub-accounts must name their projects.',
      ),
      keys: z
        .union([z.literal('all'), Ids], { error: 'expected `all` or a list of key ids' })
        .default('all')
        .describe('`all` keys of the projects, or a list of key ids.'),
      models: Ids.optional().describe(
        'Models to request one by one. By default one request per key covers all its models.',
      ),
    })
    .refine((options) => options.keys === 'all' || (options.projects?.length ?? 0) <= 1, {
      path: ['keys'],
      error: 'a list of keys requires a single project; use `all`, or one job per project',
    });
}

export type Options = z.output<ReturnType<typeof dialectOptions>>;
