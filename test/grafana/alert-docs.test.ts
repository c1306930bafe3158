import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { alertFile, alertGroups } from '../../grafana/alerting/files.ts';
import type { Rule } from '../../grafana/alerting/rule.ts';
import { RUNBOOKS } from '../../grafana/boards/runbooks.ts';
import { DEFAULTS, readSettings, SETTINGS, type Settings } from '../../grafana/settings.ts';
import { LANGUAGES, localise, type Language } from '../../grafana/text.ts';
import { codeIn, page, ROOT, tableOf } from '../support/markdown.ts';

const FOLDERS: Record<Language, string> = { en: 'docs/alerts', 'zh-CN': 'docs/alerts/zh-CN' };
const HEADINGS: Record<Language, readonly string[]> = {
  en: ['What fired', 'Why it matters', 'How it is computed', 'Look first', 'Usual causes', 'Do', 'Tune'],
  'zh-CN': ['触发条件', '影响', '计算方式', '优先排查', '常见原因', '处理', '调整阈值'],
};
const TITLES: Record<Language, readonly [rule: string, setting: string]> = {
  en: ['rule', 'setting'],
  'zh-CN': ['规则', '参数'],
};

const GROUPS = Object.values(alertGroups(DEFAULTS)).flat();
const RULES = GROUPS.flatMap(({ rules }) => rules);
const pageOf = ({ name, runbook = name }: Rule): string => runbook;
const PAGES = [...new Set(RULES.map(pageOf))];
const NAMES = Object.keys(SETTINGS);
const settingsIn = (text: string): string[] => codeIn(text).filter((code) => /^[a-z_]+\.[a-z_]+$/.test(code));

describe.each(LANGUAGES)('docs/alerts in %s', (language) => {
  const folder = FOLDERS[language];
  const readme = page(`${folder}/README.md`);
  const [ruleTitle, settingTitle] = TITLES[language];

  it('lists every rule with its severity and group, and links to its page', () => {
    const listed = tableOf(readme, ruleTitle).rows.map((row) => row.slice(0, 3));

    expect(listed).toEqual(
      GROUPS.flatMap(({ minutes, rules }) =>
        rules.map((rule) => [`[\`${rule.name}\`](${pageOf(rule)}.md)`, rule.severity, String(minutes)]),
      ),
    );
  });

  it('lists every setting with its default and meaning', () => {
    const shown = (value: string | number): string => {
      if (typeof value === 'number') return value.toLocaleString('en', { maximumFractionDigits: 9 });
      return value === '' ? '' : `\`${value}\``;
    };

    expect(tableOf(readme, settingTitle).rows).toEqual(
      Object.entries(SETTINGS).map(([name, setting]) => [
        `\`${name}\``,
        shown(setting.default),
        setting.meaning[language],
      ]),
    );
  });

  it('has one page for each rule and no other, all in the dashboard of runbooks', () => {
    const pages = readdirSync(join(ROOT, folder)).filter(
      (name) => name.endsWith('.md') && name !== 'README.md',
    );

    expect(pages.toSorted()).toEqual(PAGES.map((name) => `${name}.md`).toSorted());
    expect(Object.keys(RUNBOOKS.panels).toSorted()).toEqual(PAGES.toSorted());
  });

  it.each(PAGES)('%s has the seven headings and works outside the repository', (name) => {
    const { headings, links, text } = page(`${folder}/${name}.md`);

    expect(headings.slice(1).map((heading) => heading.text)).toEqual(HEADINGS[language]);
    expect(headings[0]?.level).toBe(1);
    expect(links).toEqual([]);
    // A panel would take it for a variable.
    expect(text).not.toMatch(/\$|\[\[/);
  });

  it.each(PAGES)('%s names the settings that change its rule, without their values', (name) => {
    const { text } = page(`${folder}/${name}.md`);
    const changing = NAMES.filter(
      (setting) => setting !== 'paused' && !setting.endsWith('.url') && changes(setting).has(name),
    );
    const values = Object.values(DEFAULTS).filter((value) => typeof value === 'number' && value >= 5_000);

    expect(settingsIn(text)).toEqual(
      expect.arrayContaining(changing.filter((setting) => setting !== 'zone')),
    );
    if (changing.includes('zone')) expect(codeIn(text)).toContain('zone');
    for (const value of values) expect(text).not.toContain(value.toLocaleString('en'));
  });

  it('names no setting that does not exist', () => {
    const pages = [readme, ...PAGES.map((name) => page(`${folder}/${name}.md`))];
    const named = pages.flatMap(({ text }) => settingsIn(text)).filter((code) => !code.endsWith('.url'));
    const files = ['rejected.jsonl', 'alerts.yaml'];

    expect(named.filter((code) => !NAMES.includes(code) && !files.includes(code))).toEqual([]);
  });
});

describe('the two languages', () => {
  it.each(['README', ...PAGES])('of %s name the same things', (name) => {
    const facts = (language: Language): string[] =>
      [...new Set(page(`${FOLDERS[language]}/${name}.md`).commands)].toSorted();

    expect(facts('zh-CN')).toEqual(facts('en'));
  });

  it.each(PAGES)('of %s have as many steps, causes and actions', (name) => {
    const items = (language: Language): string[] =>
      page(`${FOLDERS[language]}/${name}.md`).text.match(/^(?:- |\d+\.|## )/gm) ?? [];

    expect(items('zh-CN')).toEqual(items('en'));
  });
});

const CHANGES = new Map<string, Set<string>>();

/** The pages of the rules that a setting changes. */
function changes(setting: string): Set<string> {
  const known = CHANGES.get(setting);
  if (known) return known;
  const value = SETTINGS[setting as keyof typeof SETTINGS].default;
  const changed = readSettings([`${setting}=${typeof value === 'number' ? value + 1 : 'UTC'}`]);
  const [before, after] = [rulesBy(DEFAULTS), rulesBy(changed)];
  const found = new Set(RULES.filter(({ name }) => after.get(name) !== before.get(name)).map(pageOf));
  CHANGES.set(setting, found);
  return found;
}

function rulesBy(settings: Settings): Map<string, string> {
  const groups = Object.values(alertGroups(settings)).flat();
  const { groups: json } = localise(alertFile(groups, settings), 'en') as {
    readonly groups: readonly { readonly rules: readonly { readonly uid: string }[] }[];
  };
  return new Map(
    json.flatMap(({ rules }) =>
      rules.map((rule) => [rule.uid.replace(/^tokentide-/, ''), JSON.stringify(rule)] as const),
    ),
  );
}
