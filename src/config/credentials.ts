import type { Provider } from '../providers/provider.ts';
import { inputSchema } from './job-schema.ts';
import { alternatives, type SchemaNode } from './schema-node.ts';

/** Names of the options that hold credentials, as in job files and in camel case, for redaction in logs. */
export function credentialNames(providers: readonly Provider[]): string[] {
  const names = providers.flatMap(({ options }) => secretKeys(inputSchema(options)));
  return [...new Set(names.flatMap((name) => [name, camelCase(name)]))].toSorted();
}

function secretKeys(schema: SchemaNode): string[] {
  return alternatives(schema).flatMap((node) =>
    Object.entries(node.properties ?? {}).flatMap(([key, child]) => [
      ...(child.writeOnly ? [key] : []),
      ...secretKeys(child),
    ]),
  );
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
