import { z } from 'zod';
import { SecretField } from '../../fetch/secret-schema.ts';

const Email = z.string().regex(/^[^\s@]+@[^\s@]+$/, 'expected an e-mail address');

const Emails = z.strictObject({
  emails: z
    .array(Email)
    .min(1)
    .refine((emails) => new Set(emails.map((email) => email.toLowerCase())).size === emails.length, {
      error: 'a member is given twice',
    })
    .describe('Members by e-mail address.'),
});

const Ids = z.strictObject({
  ids: z
    .array(z.int().positive())
    .min(1)
    .refine((ids) => new Set(ids).size === ids.length, { error: 'a member is given twice' })
    .describe('Members by numeric user id.'),
});

export const Options = z.strictObject({
  app_id: z.string().min(1).describe('App id of an application credential of the enterprise console.'),
  app_secret: SecretField.describe('The secret of the app id; the console shows it once.'),
  base_url: z
    .url({ protocol: /^https?$/ })
    .default('https://console.enterprise.trae.cn')
    .transform((url) => url.replace(/\/+$/, ''))
    .describe('URL of the API.'),
  token_path: z
    .string()
    .regex(/^\/[^/]/, 'expected a path that begins with one slash')
    .default('/openapi/v1/auth/token')
    .describe('Path of the request that exchanges the app id and secret for a token.'),
  members: z
    .union([z.literal('all'), Emails, Ids], {
      error: 'expected `all`, `{emails: [...]}` with addresses or `{ids: [...]}` with numbers',
    })
    .default('all')
    .describe('`all`: every member of the enterprise; or `{emails: [...]}`, or `{ids: [...]}`.'),
});
export type Options = z.infer<typeof Options>;
