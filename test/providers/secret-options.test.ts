import { expect, it } from 'vitest';
import { z } from 'zod';
import { SecretField } from '../../src/fetch/secret-schema.ts';
import { PROVIDERS } from '../../src/providers/index.ts';
import { secretOptions } from '../../src/providers/secret-options.ts';

it('names the options of each provider that hold credentials', () => {
  expect(Object.fromEntries(PROVIDERS.map((provider) => [provider.id, secretOptions(provider)]))).toEqual({
    trae: ['app_secret'],
    ucloud: ['private_key'],
    sigcal: ['private_key'],
    r9s: ['management_key'],
    'volcengine-ark': ['secret_access_key', 'session_token'],
  });
});

it('finds nested credentials', () => {
  const options = z.strictObject({
    url: z.string(),
    login: z.union([z.literal('none'), z.strictObject({ password: SecretField })]),
  });

  expect(secretOptions({ options })).toEqual(['password']);
});
