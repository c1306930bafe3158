import { z } from 'zod';
import { Secret } from '../lib/secret.ts';

/** A credential among a provider's options. `writeOnly` tells the configuration loader that it may not stand in a file as plain text. */
export const SecretField = z
  .string()
  .min(1)
  .meta({ writeOnly: true })
  .transform((value) => new Secret(value));
