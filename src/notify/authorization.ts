import type { Secret } from '../lib/secret.ts';

/** The header of basic authentication; undefined without a user. */
export function basicAuthorization(
  user: string | undefined,
  password: Secret | undefined,
): string | undefined {
  if (user === undefined) return undefined;
  return `Basic ${Buffer.from(`${user}:${password?.reveal() ?? ''}`).toString('base64')}`;
}
