import { expect, test } from 'vitest';
import { z } from 'zod';
import { credentialNames } from '../../src/config/credentials.ts';
import { SecretField } from '../../src/fetch/secret-schema.ts';
import { acme } from '../config/loading.ts';

test('credentials are found by their schema, at any depth', () => {
  const options = z.object({ app_id: z.string(), auth: z.object({ api_token: SecretField }).optional() });

  expect(credentialNames([{ ...acme, options }])).toEqual(['apiToken', 'api_token']);
});
