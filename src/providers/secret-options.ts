import { z } from 'zod';
import type { Provider } from './provider.ts';

interface JsonSchema {
  readonly writeOnly?: boolean;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly anyOf?: readonly JsonSchema[];
}

/** The names of the options that hold credentials: those with a `SecretField`. */
export function secretOptions({ options }: Pick<Provider, 'options'>): string[] {
  const schema = z.toJSONSchema(options, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return secretsOf(schema);
}

function secretsOf({ properties = {}, anyOf = [] }: JsonSchema): string[] {
  const own = Object.entries(properties).flatMap(([name, property]) =>
    isSecret(property) ? [name] : secretsOf(property),
  );
  return [...own, ...anyOf.flatMap(secretsOf)];
}

function isSecret({ writeOnly = false, anyOf = [] }: JsonSchema): boolean {
  return writeOnly || anyOf.some(isSecret);
}
