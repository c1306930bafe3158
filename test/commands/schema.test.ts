import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { schemaCommand } from '../../src/commands/schema.ts';
import type { SchemaNode } from '../../src/config/schema-node.ts';
import { PROVIDERS } from '../../src/providers/index.ts';
import { CATALOGUE } from '../../src/usage/catalogue.ts';
import { contextOf } from './context.ts';

const FILE = new URL('../../schema/job.schema.json', import.meta.url);

interface JobSchema extends SchemaNode {
  readonly allOf: readonly { readonly if: SchemaNode; readonly then: SchemaNode }[];
}

async function printed(): Promise<string> {
  const context = contextOf();
  expect(await schemaCommand(context)).toBe(0);
  return context.printed.out;
}

test('schema/job.schema.json is current: after a change run "npm run --silent tokentide schema > schema/job.schema.json"', async () => {
  expect(readFileSync(FILE, 'utf8')).toBe(await printed());
});

test('schema/alerts.schema.json is current: after a change run "npm run --silent tokentide -- schema --alerts > schema/alerts.schema.json"', async () => {
  const context = contextOf();
  expect(await schemaCommand(context, { alerts: true })).toBe(0);

  expect(readFileSync(new URL('../../schema/alerts.schema.json', import.meta.url), 'utf8')).toBe(
    context.printed.out,
  );
});

test('options depend on the provider', async () => {
  const schema = JSON.parse(await printed()) as JobSchema;

  expect(schema.properties?.['provider']?.enum).toEqual(PROVIDERS.map(({ id }) => id));
  expect(schema.allOf.map((rule) => rule.if.properties?.['provider']?.const)).toEqual(
    PROVIDERS.map(({ id }) => id),
  );
  for (const { then } of schema.allOf) {
    expect(then.required).toEqual(['options']);
    expect(then.properties?.['options']).toMatchObject({ type: 'object', additionalProperties: false });
  }
});

test('every option has a description', async () => {
  const schema = JSON.parse(await printed()) as JobSchema;
  const nodes = [schema, ...schema.allOf.map(({ then }) => then.properties?.['options'] ?? {})];

  const unexplained = nodes.flatMap(({ properties = {} }) =>
    Object.entries(properties).flatMap(([key, node]) => (node.description ? [] : [key])),
  );

  expect(unexplained).toEqual([]);
});

test('an editor refuses a plain-text secret', async () => {
  const schema = JSON.parse(await printed()) as JobSchema;
  const trae = schema.allOf.find((rule) => rule.if.properties?.['provider']?.const === 'trae');
  const [variable, file] = trae?.then.properties?.['options']?.properties?.['app_secret']?.anyOf ?? [];

  expect('${TRAE_APP_SECRET}').toMatch(new RegExp(variable?.pattern ?? ''));
  expect('canary').not.toMatch(new RegExp(variable?.pattern ?? ''));
  expect('${TRAE_APP_SECRET:-canary}').not.toMatch(new RegExp(variable?.pattern ?? ''));
  expect(file).toMatchObject({ type: 'object', required: ['file'] });
});

test('with --points prints every measurement with its tags and fields', async () => {
  const context = contextOf();
  expect(await schemaCommand(context, { points: true })).toBe(0);

  const measurements = JSON.parse(context.printed.out) as { name: string; fields: object }[];

  expect(measurements.map(({ name }) => name)).toEqual([...CATALOGUE.keys()]);
  expect(measurements[0]).toMatchObject({
    name: 'llm_token_usage',
    tags: { provider: { from: 'job' }, model: { from: 'provider' } },
    fields: { tokens: { kind: 'count', unit: 'tokens', derived: true } },
  });
});
