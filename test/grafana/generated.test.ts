import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generate, main } from '../../grafana/build.ts';
import { DEFAULTS, readSettings } from '../../grafana/settings.ts';
import { LANGUAGES } from '../../grafana/text.ts';
import { ROOT } from '../support/markdown.ts';

const FOLDER = join(ROOT, 'grafana');

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe('the committed Grafana files', () => {
  const generated = generate(DEFAULTS);
  const committed = ['dashboards', 'provisioning'].flatMap((folder) => filesBelow(join(FOLDER, folder)));

  it.each([...generated.keys()])('%s is what npm run grafana makes', (path) => {
    expect(readFileSync(join(FOLDER, path), 'utf8')).toBe(generated.get(path));
  });

  it('are no more than those', () => {
    expect(committed.map((path) => relative(FOLDER, path)).toSorted()).toEqual(
      [...generated.keys()].toSorted(),
    );
  });

  it('have the same names in each language', () => {
    const [first, ...others] = LANGUAGES.map((language) =>
      [...generated.keys()]
        .filter((path) => path.includes(`/${language}/`))
        .map((path) => path.replace(language, '*')),
    );

    expect(first).not.toEqual([]);
    for (const other of others) expect(other).toEqual(first);
  });

  it('are the same each time', () => {
    expect([...generate(DEFAULTS)]).toEqual([...generated]);
  });
});

describe('settings', () => {
  it('are the defaults where nothing is set', () => {
    expect(readSettings([])).toEqual(DEFAULTS);
  });

  it('take --set before the file, and the file before the defaults', () => {
    const file = 'zone: Europe/Berlin\ngrafana.url: https://grafana.example.com\n';

    const settings = readSettings(['zone=UTC'], file);

    expect(settings).toMatchObject({ zone: 'UTC', 'grafana.url': 'https://grafana.example.com' });
  });

  it.each([
    ['an unknown name', ['zones=UTC'], '', /unknown setting zones; there are .*zone/],
    ['a name of every object', ['constructor=1'], '', /unknown setting constructor/],
    ['no value', ['zone'], '', /--set takes name=value, not zone/],
    ['no name', ['=UTC'], '', /--set takes name=value/],
    ['a quote', ["zone=UTC'"], '', /zone takes a text of letters/],
    ['an empty text', ['zone='], '', /zone takes a text/],
    ['a number for a text', [], 'zone: 8', /zone takes a text/],
    ['a list as file', [], '- zone', /the settings file must hold lines/],
    ['a text as file', [], 'zone', /the settings file must hold lines/],
    ['an unknown name in the file', [], 'zones: UTC', /unknown setting zones/],
  ] as const)('refuse %s', (_, pairs, file, message) => {
    expect(() => readSettings([...pairs], file)).toThrow(message);
  });

  const numbers = Object.entries(DEFAULTS).filter(([, value]) => typeof value === 'number');

  it.each(numbers.map(([key]) => key))('%s takes numbers from 0 only', (key) => {
    for (const wrong of ['', '-1', 'NaN', 'Infinity', '1e999', 'ten', '1,5'])
      expect(() => readSettings([`${key}=${wrong}`]), wrong).toThrow(`${key} takes a number from 0`);
    expect(readSettings([`${key}=1.5`])).toMatchObject({ [key]: 1.5 });
  });
});

describe('npm run grafana', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tokentide-grafana-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });
  const read = (path: string): string => readFileSync(join(folder, path), 'utf8');

  it('writes every file and names it', () => {
    const written = main([], folder);

    expect(written.toSorted()).toEqual(filesBelow(folder).toSorted());
    for (const [path, content] of generate(DEFAULTS)) expect(read(path)).toBe(content);
  });

  it('writes what --set changes', () => {
    main(['--set', 'zone=Europe/Berlin', '--out', folder], 'elsewhere');

    expect(JSON.parse(read('dashboards/en/overview.json')).templating.list).toContainEqual(
      expect.objectContaining({ name: 'zone', current: expect.objectContaining({ value: 'Europe/Berlin' }) }),
    );
  });

  it('reads a file of settings', () => {
    const settings = join(folder, 'settings.yaml');
    writeFileSync(settings, 'zone: America/New_York\n');

    main(['--settings', settings], folder);

    expect(read('dashboards/en/overview.json')).toContain('"value": "America/New_York"');
  });

  it('writes nothing where a setting is wrong', () => {
    expect(() => main(['--set', 'zones=UTC'], folder)).toThrow('unknown setting zones');
    expect(filesBelow(folder)).toEqual([]);
  });

  it('refuses an unknown option', () => {
    expect(() => main(['--sett', 'zone=UTC'], folder)).toThrow('--sett');
  });
});
