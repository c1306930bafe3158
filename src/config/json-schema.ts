import type { Provider } from '../providers/provider.ts';
import { alertsFileSchema } from './alerts-schema.ts';
import { jobFileSchema } from './job-schema.ts';
import type { SchemaNode } from './schema-node.ts';

const VARIABLE: SchemaNode = { type: 'string', pattern: '\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-.*)?\\}' };
const WHOLE_VARIABLE: SchemaNode = {
  type: 'string',
  pattern: '^\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}$',
  patternErrorMessage: 'Secrets must not be written in this file: write ${VARIABLE} or {file: path}.',
};
const FILE: SchemaNode = {
  type: 'object',
  properties: { file: { type: 'string', description: 'File that contains the secret.' } },
  required: ['file'],
  additionalProperties: false,
};

/** JSON schema (draft 7) of job files for editors; options depend on `provider`. */
export function jobSchema(providers: readonly Provider[]): object {
  const ids = providers.map(({ id }) => id);
  const { properties: common = {}, ...job } = forEditors(jobFileSchema(undefined, ids));
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'tokentide job',
    ...job,
    properties: { ...common, options: { ...about(common['options'] ?? {}), type: 'object' } },
    allOf: providers.map((provider) => {
      const { properties = {} } = jobFileSchema(provider, ids);
      const own = Object.fromEntries(
        ['dataset', 'bucket', 'zone', 'options'].map((key) => [key, forEditors(properties[key] ?? {})]),
      );
      const needsOptions = (properties['options']?.required ?? []).length > 0;
      return {
        if: { properties: { provider: { const: provider.id } }, required: ['provider'] },
        // oxlint-disable-next-line unicorn/no-thenable -- a JSON schema keyword, never awaited
        then: { properties: own, ...(needsOptions && { required: ['options'] }) },
      };
    }),
  };
}

/** JSON schema (draft 7) of `alerts.yaml` for editors. */
export function alertsSchema(): object {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'tokentide alerts',
    ...forEditors(alertsFileSchema()),
  };
}

/** The schema of the file before variables are replaced: secrets are references, strings may contain them. */
function forEditors(node: SchemaNode): SchemaNode {
  if (node.writeOnly) return { ...about(node), anyOf: [WHOLE_VARIABLE, FILE] };
  if (node.format !== undefined || node.pattern !== undefined) {
    const { description: _, default: __, ...rule } = node;
    return { ...about(node), anyOf: [rule, VARIABLE] };
  }
  return {
    ...node,
    ...(node.properties && { properties: mapValues(node.properties, forEditors) }),
    ...(typeof node.additionalProperties === 'object' && {
      additionalProperties: forEditors(node.additionalProperties),
    }),
    ...(node.items && { items: forEditors(node.items) }),
    ...(node.anyOf && { anyOf: node.anyOf.map(forEditors) }),
    ...(node.oneOf && { oneOf: node.oneOf.map(forEditors) }),
  };
}

function about({ description, default: preset }: SchemaNode): SchemaNode {
  return {
    ...(description !== undefined && { description }),
    ...(preset !== undefined && { default: preset }),
  };
}

function mapValues<T>(record: Readonly<Record<string, T>>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
