import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { PROVIDERS } from '../../src/providers/index.ts';
import { BUCKETS } from '../../src/windows/window.ts';

const FOLDER = join(import.meta.dirname, '../../src/providers');
const SECTIONS = ['What it tracks', 'Credentials', 'Options', 'Points', 'Troubleshooting'];

interface JsonSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
}

it('the list of providers equals their folders', () => {
  const folders = readdirSync(FOLDER).filter((name) => existsSync(join(FOLDER, name, 'index.ts')));

  expect(PROVIDERS.map((provider) => provider.id).toSorted()).toEqual(folders.toSorted());
});

describe.each(PROVIDERS.map((provider) => ({ id: provider.id, provider })))('$id', ({ id, provider }) => {
  it('has a README with the common sections in the common order', () => {
    const readme = readFileSync(join(FOLDER, id, 'README.md'), 'utf8');

    const headings = [...readme.matchAll(/^## (.+)$/gm)].map((match) => match[1]!);

    expect(headings.filter((heading) => SECTIONS.includes(heading))).toEqual(SECTIONS);
    expect(readme).toMatch(new RegExp(`^# ${provider.title}$`, 'm'));
  });

  it('names every option in its README and describes it in the schema', () => {
    const readme = readFileSync(join(FOLDER, id, 'README.md'), 'utf8');
    const schema = z.toJSONSchema(provider.options, { io: 'input', unrepresentable: 'any' }) as JsonSchema;

    const options = Object.keys(schema.properties ?? {});

    expect(options).toContain('base_url');
    for (const option of options) expect(readme).toContain(`\`${option}\``);
    expect(undescribed(schema)).toEqual([]);
  });

  it('refuses an unknown option', () => {
    const parsed = provider.options.safeParse({ no_such_option: 1 });

    expect(parsed.error?.issues.map((issue) => issue.code)).toContain('unrecognized_keys');
  });

  it('names its documentation and the source of its rate limit', () => {
    expect(provider.docsUrl).toMatch(/^https:\/\//);
    expect(provider.rate.source).not.toBe('');
  });

  it('has distinct datasets, each with its default bucket, and a zone', () => {
    const ids = provider.datasets.map((dataset) => dataset.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const dataset of provider.datasets) {
      const buckets = provider.buckets({}, dataset.id);
      expect(buckets[dataset.defaultBucket]?.maxDays).toBeGreaterThan(0);
      for (const bucket of Object.keys(buckets)) expect(BUCKETS).toContain(bucket);
    }
    expect(() => new Intl.DateTimeFormat('en', { timeZone: provider.zone })).not.toThrow();
  });

  it('has at least five golden cases', () => {
    const cases = readdirSync(join(import.meta.dirname, id, 'cases'));

    expect(cases.length).toBeGreaterThanOrEqual(5);
  });
});

/** Paths of the options, nested ones included, that have no description. */
function undescribed(schema: JsonSchema, path = ''): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const at = path ? `${path}.${name}` : name;
    return [...(property.description ? [] : [at]), ...undescribed(property, at)];
  });
  const nested = [...(schema.anyOf ?? []), ...(schema.items ? [schema.items] : [])];
  return [...own, ...nested.flatMap((inner) => undescribed(inner, path))];
}
