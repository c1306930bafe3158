import { z } from 'zod';
import { Secret } from '../lib/secret.ts';

/** A credential among a provider's options. `writeOnly`: the configuration loader refuses it as plain text. */
export const SecretField = z
  .string()
  .min(1)
  .meta({ writeOnly: true })
  .transform((value) => new Secret(value));
