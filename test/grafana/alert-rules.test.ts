import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { alertFile, alertGroups } from '../../grafana/alerting/files.ts';
import { PANELS } from '../../grafana/alerting/panels.ts';
import { generate } from '../../grafana/build.ts';
import { dataSource } from '../../grafana/provisioning.ts';
import { DEFAULTS, readSettings, SETTINGS, type Settings } from '../../grafana/settings.ts';
import { LANGUAGES, type Language } from '../../grafana/text.ts';
import { ALERT, CATALOGUE, USAGE } from '../../src/usage/catalogue.ts';

/*
 * What Grafana does not tell, or tells by not starting: unknown keys do nothing, one wrong value ends the process.
 * https://github.com/grafana/grafana/blob/main/pkg/services/provisioning/alerting/rules_types.go
 */

interface Data {
  readonly refId: string;
  readonly datasourceUid: string;
  readonly relativeTimeRange: { readonly from: number; readonly to: number };
  readonly model: Readonly<Record<string, unknown>> & {
    readonly query?: string;
    readonly expression?: string;
  };
}

interface Rule {
  readonly uid: string;
  readonly title: string;
  readonly condition: string;
  readonly data: readonly Data[];
  readonly noDataState: string;
  readonly execErrState: string;
  readonly for: string;
  readonly keepFiringFor?: string;
  readonly missing_series_evals_to_resolve?: number;
  readonly isPaused: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Group {
  readonly orgId: number;
  readonly name: string;
  readonly folder: string;
  readonly interval: string;
  readonly rules: readonly Rule[];
}

const FILES = generate(DEFAULTS);

function groupsOf(language: Language, files = FILES): readonly Group[] {
  return [...files]
    .filter(([path]) => path.startsWith(`provisioning/alerting/${language}/`))
    .flatMap(([, content]) => (parse(content) as { readonly groups: readonly Group[] }).groups);
}

const rulesOf = (language: Language, files = FILES): readonly Rule[] =>
  groupsOf(language, files).flatMap(({ rules }) => rules);
const ruleNamed = (uid: string, settings: Settings = DEFAULTS): Rule =>
  rulesOf('en', generate(settings)).find((rule) => rule.uid === `tokentide-${uid}`)!;

const GROUPS = LANGUAGES.flatMap((language) => groupsOf(language));
const RULES = LANGUAGES.flatMap((language) =>
  rulesOf(language).map((rule) => [`${rule.uid} in ${language}`, rule] as const),
);
const expressionsOf = ({ data }: Rule): readonly Data[] => data.filter(({ model }) => 'type' in model);
const queriesOf = ({ data }: Rule): readonly string[] => data.flatMap(({ model }) => model.query ?? []);
const referencesIn = (expression: string): readonly string[] => expression.match(/[A-Z][A-Z_]+/g) ?? [];
/** The tags by which an answer is split: those of the outermost statement. */
const tagsOf = (query: string): readonly string[] =>
  [...(/GROUP BY ([^)]*)$/.exec(query)?.[1] ?? '').matchAll(/"(\w+)"/g)].map(([, tag = '']) => tag);

interface PanelJson {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly panels?: readonly PanelJson[];
}

interface Board {
  readonly uid: string;
  readonly panels: readonly PanelJson[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query?: unknown }[] };
}

const BOARDS = new Map(
  [...FILES]
    .filter(([path]) => path.startsWith('dashboards/en/'))
    .map(([, content]) => JSON.parse(content) as Board)
    .map((board) => [board.uid, board]),
);

/** Titles by id. */
function panelsOf(uid: string): ReadonlyMap<string, string> {
  const panels = (BOARDS.get(uid)?.panels ?? []).flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  return new Map(panels.filter(({ type }) => type !== 'row').map(({ id, title }) => [String(id), title]));
}

describe('every group', () => {
  it('has keys and values that Grafana accepts', () => {
    for (const { orgId, folder, interval, rules, ...rest } of GROUPS) {
      expect({ orgId, folder, rest: Object.keys(rest) }).toEqual({
        orgId: 1,
        // A slash would make a nested folder.
        folder: 'tokentide',
        rest: ['name'],
      });
      expect(interval).toMatch(/^\d+m$/);
      expect(new Set(rules.map(({ title }) => title)).size).toBe(rules.length);
    }
  });

  it('has one rule that reports failed queries, and others that keep their state', () => {
    for (const { rules } of GROUPS) {
      const [first, ...others] = rules.map(({ execErrState }) => execErrState);
      expect(first).toBe('Error');
      expect(new Set(others)).toEqual(new Set(others.length > 0 ? ['KeepLast'] : []));
    }
  });

  it('holds alerts on usage over the start of an hour, however often it is evaluated', () => {
    for (const { interval, rules } of GROUPS) {
      for (const { keepFiringFor, missing_series_evals_to_resolve: evaluations } of rules) {
        expect(keepFiringFor === undefined).toBe(evaluations === undefined);
        if (evaluations === undefined) continue;
        expect(Number.parseInt(keepFiringFor!)).toBeGreaterThan(65);
        expect(evaluations * Number.parseInt(interval)).toBeGreaterThanOrEqual(65);
        expect(evaluations * Number.parseInt(interval)).toBeLessThan(80);
      }
    }
  });
});

describe.each(RULES)('%s', (_, rule) => {
  const { data, labels, annotations } = rule;
  const expressions = expressionsOf(rule);
  const queries = queriesOf(rule);
  const texts = `${annotations['summary']}${annotations['description']}`;

  it('has keys and values that Grafana accepts', () => {
    const known = [
      'uid',
      'title',
      'condition',
      'data',
      'noDataState',
      'execErrState',
      'for',
      'keepFiringFor',
      'missing_series_evals_to_resolve',
      'isPaused',
      'labels',
      'annotations',
    ];

    expect(Object.keys(rule).filter((key) => !known.includes(key))).toEqual([]);
    expect(rule.uid).toMatch(/^tokentide-[a-z-]{1,30}$/);
    expect(['OK', 'Alerting']).toContain(rule.noDataState);
    for (const duration of [rule.for, rule.keepFiringFor ?? '0s']) expect(duration).toMatch(/^\d+[smh]$/);
    expect(Object.values({ ...labels, ...annotations }).every((text) => typeof text === 'string')).toBe(true);
  });

  it('has labels for routing, and nothing that Grafana expands in labels and titles', () => {
    expect(Object.keys(labels)).toEqual(['severity', 'kind']);
    expect(['page', 'notice']).toContain(labels['severity']);
    expect(`${Object.values(labels).join()}${rule.title}`).not.toMatch(/[${}]/);
  });

  it('refers to earlier values only, and defines NOW and LIMIT', () => {
    const earlier = new Set<string>();
    for (const { refId, model } of data) {
      for (const reference of referencesIn(model.expression ?? '')) expect(earlier).toContain(reference);
      // https://github.com/grafana/grafana/blob/main/pkg/expr/mathexp/parse/lex.go (lexVar)
      if (model.query === undefined) expect(refId).toMatch(/^[A-Z]+$/);
      expect(earlier).not.toContain(refId);
      expect(model).toMatchObject({ refId });
      earlier.add(refId);
    }
    expect(earlier).toContain('NOW');
    expect(earlier).toContain('LIMIT');
    expect(rule.condition).toBe(expressions.at(-1)!.refId);
  });

  it('asks the provisioned data source in raw InfluxQL, and reduces each answer', () => {
    const uid = dataSource.content.datasources[0]!.uid;
    for (const { refId, datasourceUid, relativeTimeRange, model } of data) {
      if (model.query === undefined) {
        expect(datasourceUid).toBe('__expr__');
        expect(['reduce', 'math']).toContain(model['type']);
        continue;
      }
      expect(datasourceUid).toBe(uid);
      expect(model).toMatchObject({ rawQuery: true, resultFormat: 'time_series' });
      expect(relativeTimeRange.from).toBeGreaterThanOrEqual(3600);
      const reducers = expressions.filter((each) => each.model.expression === refId);
      expect(reducers.map((each) => each.model)).toMatchObject([
        { type: 'reduce', reducer: 'last', settings: { mode: 'dropNN' } },
      ]);
    }
  });

  it('names its own times, its bucket and no variable of a dashboard', () => {
    for (const query of queries) {
      // Those that read a measurement: the others read their answers.
      const reading = query.split('SELECT').filter((part) => /FROM "/.test(part));
      expect(reading.length).toBeGreaterThan(0);
      for (const statement of reading) {
        expect(statement).toMatch(/time > now\(\) - \d+h AND time <= now\(\)/);
        const [, measurement = ''] = /FROM "(\w+)"/.exec(statement)!;
        expect([...CATALOGUE.keys()]).toContain(measurement);
        if (measurement === USAGE.name) expect(statement).toMatch(/"bucket" (?:= '1h'|=~ \/\^1\[hd\]\$\/)/);
        if (statement.includes('=~ /^1[hd]$/')) expect(tagsOf(query)).toContain('bucket');
      }
      expect(query).not.toMatch(/\$(?!\/)/);
    }
  });

  it('shows only values and labels that exist, and none where there is no value', () => {
    const values = [...texts.matchAll(/\$values\.(\w+)/g)].map(([, refId = '']) => refId);
    const tags = [...texts.matchAll(/\$labels\.(\w+)/g)].map(([, tag = '']) => tag);
    const reduced = expressions.map(({ refId }) => refId);

    expect(values.filter((refId) => !reduced.includes(refId))).toEqual([]);
    expect(values).toContain('NOW');
    // None where any of it is too much.
    const isZero = expressions.some(({ model }) => model.expression === '$NOW * 0 + 0');
    if (!isZero) expect(values).toContain('LIMIT');
    expect(tags.filter((tag) => !tagsOf(queries[0]!).includes(tag))).toEqual([]);
    // The whole description is inside a guard, but for its last sentence.
    expect(annotations['description']).toMatch(/^\{\{ if \$values\.NOW \}\}/);
    expect(annotations['description']!.split('{{ else }}').at(-1)).not.toMatch(/\$/);
  });

  it('has texts that Grafana and webhooks show as they are', () => {
    const { summary = '', description = '' } = annotations;

    expect(texts).not.toMatch(/\$\{|\$\$|\$[a-z]+(?!\w*\.)\b(?<!\$values|\$labels)/);
    expect(texts).not.toMatch(/\$value\b/);
    // Lists show each pair of braces as a box.
    expect([...summary.matchAll(/\{\{ \$/g)].length).toBeLessThanOrEqual(2);
    for (const [, tag = ''] of summary.matchAll(/\{\{ \$labels\.(\w+) \}\}/g))
      expect(summary).toContain(`{{ if $labels.${tag} }}`);
    expect(summary.replaceAll(/\{\{.*?\}\}/g, '').length).toBeLessThan(100);
    for (const text of [summary, description])
      expect([...text.matchAll(/\{\{ if /g)].length).toBe([...text.matchAll(/\{\{ end \}\}/g)].length);
    expect(description.split('\n').length).toBeGreaterThan(4);
    expect(description.length).toBeLessThan(2_600);
    expect(description).not.toMatch(/\*\*|\]\(/);
  });

  it('opens a panel and a runbook that exist', () => {
    const { __dashboardUid__: uid = '', __panelId__: id, runbook_url: url = '' } = annotations;
    const [, runbooks = '', page] = /^http:\/\/localhost:3000\/d\/([\w-]+)\?viewPanel=(\d+)$/.exec(url) ?? [];

    const { title } = Object.values(PANELS).find((each) => each.dashboard === uid && String(each.id) === id)!;
    expect(panelsOf(uid).get(id!)).toBe(title);
    expect([...panelsOf(runbooks).keys()]).toContain(page);
  });

  it('links to dashboards with the values of the series', () => {
    const links =
      annotations['description']!.match(/\{\{ externalURL \}\}d\/.*?(?=$|\{\{ end \}\}$)/gm) ?? [];

    expect(links.length).toBeGreaterThan(0);
    for (const link of links) {
      const [, uid = ''] = /\}d\/([\w-]+)/.exec(link.replaceAll(' ', ''))!;
      const variables = new Map(BOARDS.get(uid)?.templating.list.map(({ name, query }) => [name, query]));
      for (const [, variable = '', value = ''] of link.matchAll(/var-(\w+)=(\{\{.*?\}\}|\w+)/g)) {
        expect([...variables.keys()]).toContain(variable);
        if (value.startsWith('{{')) expect(value).toBe(`{{ urlquery $labels.${variable} }}`);
        else expect(variables.get(variable)).toContain(` : ${value}`);
      }
    }
  });
});

describe('the rules together', () => {
  it('are the same in both languages but for their texts', () => {
    const withoutTexts = (rule: Rule): unknown => ({
      ...rule,
      title: '',
      annotations: { ...rule.annotations, summary: '', description: '' },
    });
    const placeholdersOf = ({ annotations }: Rule): unknown =>
      [annotations['summary'], annotations['description']].map((text) =>
        text?.match(/\{\{.*?\}\}/g)?.toSorted(),
      );

    expect(rulesOf('zh-CN').map(withoutTexts)).toEqual(rulesOf('en').map(withoutTexts));
    expect(rulesOf('zh-CN').map(placeholdersOf)).toEqual(rulesOf('en').map(placeholdersOf));
    for (const { title, annotations } of rulesOf('zh-CN')) {
      for (const text of [title, annotations['summary'], annotations['description']])
        expect(text).toMatch(/\p{Script=Han}/u);
    }
  });

  it('have uids of their own', () => {
    const uids = rulesOf('en').map(({ uid }) => uid);

    expect(new Set(uids).size).toBe(uids.length);
  });

  it('are silent without data but for the one that watches the data', () => {
    const alerting = rulesOf('en').filter(({ noDataState }) => noDataState === 'Alerting');

    expect(alerting.map(({ uid }) => uid)).toEqual(['tokentide-stale']);
  });

  it('route verdicts of both severities, each series of verdicts alone', () => {
    const verdicts = rulesOf('en').filter(({ labels }) => labels['kind'] === 'verdict');

    expect(verdicts.map(({ labels }) => labels['severity'])).toEqual(['page', 'notice']);
    for (const rule of verdicts) {
      for (const query of queriesOf(rule)) {
        expect(query).toContain(`"severity" = '${rule.labels['severity']}'`);
        expect([...tagsOf(query), 'severity'].toSorted()).toEqual(ALERT.tagNames);
      }
    }
  });
});

describe('settings', () => {
  const other = (value: string | number): string => (typeof value === 'number' ? String(value + 1) : 'UTC');
  const sign = (settings: Settings): string =>
    JSON.stringify(Object.values(alertGroups(settings)).map((groups) => alertFile(groups, settings)));

  it.each(Object.entries(SETTINGS))('%s changes a rule', (name, { default: value }) => {
    const texts: Record<string, string> = { paused: 'stale', 'grafana.url': 'https://example.com/x' };
    texts['runbooks.url'] = 'https://example.com/y';
    const changed = readSettings([`${name}=${texts[name] ?? other(value)}`]);

    expect(sign(changed)).not.toBe(sign(DEFAULTS));
  });

  test('a threshold is a number of the rule', () => {
    const limitOf = (settings: Settings): unknown =>
      ruleNamed('spike-key', settings).data.find(({ refId }) => refId === 'LIMIT')!.model.expression;

    expect(limitOf(readSettings(['spike.ratio=3', 'spike.floor_tokens=7']))).toBe(
      '($USUAL * 3 + 7 + abs($USUAL * 3 - 7)) / 2',
    );
  });

  test('the ceiling is off until it is set', () => {
    expect(ruleNamed('ceiling').isPaused).toBe(true);
    expect(ruleNamed('ceiling', readSettings(['ceiling.tokens=5'])).isPaused).toBe(false);
  });

  test('rules are paused by name, and a wrong name is refused', () => {
    const settings = readSettings(['paused=spike-key,stale']);

    expect(ruleNamed('spike-key', settings).isPaused).toBe(true);
    expect(ruleNamed('stale', settings).isPaused).toBe(true);
    expect(ruleNamed('spike-user', settings).isPaused).toBe(false);
    expect(() => alertGroups(readSettings(['paused=spike']))).toThrow(/no rule is called spike; there are /);
  });

  test('durations stay whole where a setting is not', () => {
    expect(ruleNamed('gap-open', readSettings(['gap.hours=1.5'])).for).toBe('90m');
    for (const query of queriesOf(ruleNamed('spike-key', readSettings(['baseline.days=0.1']))))
      expect(query).not.toMatch(/\d\.\d+h/);
  });

  test('runbooks are where people keep them', () => {
    const { annotations } = ruleNamed(
      'verdict-page',
      readSettings(['runbooks.url=https://wiki.example.com/a/']),
    );

    expect(annotations['runbook_url']).toBe('https://wiki.example.com/a/verdict.md');
  });
});
