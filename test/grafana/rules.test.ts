import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { generate } from '../../grafana/build.ts';
import { DEFAULTS, readSettings } from '../../grafana/settings.ts';
import { LANGUAGES, type Language } from '../../grafana/text.ts';
import { USAGE } from '../../src/usage/catalogue.ts';
import type { Point } from '../../src/usage/point.ts';
import { DAY, HOUR } from '../../src/windows/units.ts';
import { FULL } from '../support/extent.ts';
import { HURTING_NAMES, NOW } from '../support/grafana-company.ts';
import { EVENTS, withEvents } from '../support/grafana-events.ts';
import {
  evaluate,
  firing,
  isQuery,
  type Instance,
  type Labels,
  type RuleJson,
} from '../support/grafana-expressions.ts';
import { ask, fill } from '../support/grafana-influx.ts';
import { EXTERNAL_URL, render } from '../support/grafana-templates.ts';
import {
  ordinaryAlerts,
  ordinaryHealth,
  ordinaryReconciliations,
  ordinaryUsage,
} from '../support/grafana-usage-history.ts';
import { BOARDS } from '../support/grafana.ts';
import { describeWith, influxQuery, startInfluxd, type RealServer } from '../support/servers.ts';

function rulesIn(language: Language, settings = DEFAULTS): RuleJson[] {
  return [...generate(settings)]
    .filter(([path]) => path.startsWith(`provisioning/alerting/${language}/`))
    .flatMap(([, content]) => (parse(content) as { groups: { rules: RuleJson[] }[] }).groups)
    .flatMap(({ rules }) => rules);
}

const inLanguage = { en: rulesIn('en'), 'zh-CN': rulesIn('zh-CN') };
const rules = inLanguage.en;
const enabled = rules.filter(({ isPaused }) => isPaused !== true);
const ordinary: readonly Point[] = [
  ...ordinaryUsage(),
  ...ordinaryHealth(),
  ...ordinaryReconciliations(),
  ...ordinaryAlerts(),
];

interface Fired {
  readonly rule: RuleJson;
  readonly instance: Instance;
}

/** `spike-key provider=ucloud account=keys key=k2` */
const named = ({ rule, instance }: Fired): string =>
  [
    rule.uid.replace('tokentide-', ''),
    ...Object.entries(instance.labels).flatMap(([tag, value]) => (value ? [`${tag}=${value}`] : [])),
  ]
    .toSorted(byTag)
    .join(' ');

const ORDER = ['provider', 'account', 'bucket', 'team', 'user', 'model', 'key', 'job', 'rule'];
const byTag = (a: string, b: string): number =>
  ORDER.indexOf(a.split('=')[0]!) - ORDER.indexOf(b.split('=')[0]!);

describeWith('influxd', 'the alert rules', () => {
  let influx: RealServer;
  beforeAll(async () => {
    influx = await startInfluxd();
    await fill(influx.url, 'ordinary', ordinary);
  });
  afterAll(async () => {
    await influx?.close();
  });

  /** Everything that fires at a time, each series of each rule. */
  async function firedIn(database: string, now = NOW, all: readonly RuleJson[] = enabled): Promise<Fired[]> {
    const fired: Fired[] = [];
    for (const rule of all) {
      const instances = await evaluate(rule, (query) => ask(influx.url, database, query, now));
      fired.push(...firing(rule, instances).map((instance) => ({ rule, instance })));
    }
    return fired;
  }

  async function filled(database: string, points: readonly Point[]): Promise<string> {
    await influxQuery(influx.url, `DROP DATABASE "${database}"`);
    await fill(influx.url, database, points);
    return database;
  }

  it('have a file', () => {
    expect(rules).not.toEqual([]);
  });

  it.each(rules.map((rule) => [rule.uid, rule] as const))(
    '%s finds what it needs in ordinary weeks',
    async (_, rule) => {
      for (const { refId, model } of rule.data.filter(isQuery)) {
        const answer = await ask(influx.url, 'ordinary', model.query!, NOW);

        expect(answer.error).toBeUndefined();
        expect(
          (await ask(influx.url, 'ordinary', model.query!)).error,
          'with the clock of the server',
        ).toBeUndefined();
        if (!rule.uid.includes('verdict-page')) expect(answer.series.length, refId).toBeGreaterThan(0);
      }
    },
  );

  const hoursOfTheWeek = Array.from({ length: 7 * 24 }, (_, hour) => NOW - hour * HOUR - (hour % 3) * 1_200);
  it('are silent in every hour of an ordinary week', { timeout: 600_000 }, async () => {
    // A working hour, a night with a batch, and a Sunday.
    const times = FULL ? hoursOfTheWeek : [NOW, NOW - 8 * HOUR, NOW - 44 * HOUR];

    for (const time of times)
      expect((await firedIn('ordinary', time)).map(named), new Date(time * 1_000).toISOString()).toEqual([]);
  });

  it('fire for what happened, all at once, and for nothing else', async () => {
    const events = Object.values(EVENTS);
    const database = await filled('events', withEvents(ordinary, events));

    const fired = await firedIn(database);

    expect(fired.map(named).toSorted()).toEqual(events.flatMap(({ fires }) => fires).toSorted());
    for (const each of fired) expectReadable(each);
  });

  if (FULL)
    it.each(Object.entries(EVENTS))('fire alone when %s', { timeout: 120_000 }, async (_, event) => {
      const database = await filled('event', withEvents(ordinary, [event]));

      expect((await firedIn(database)).map(named)).toEqual(event.fires);
    });

  it('each have an event here, or a test of their own', () => {
    const covered = Object.values(EVENTS).flatMap(({ fires }) => fires.map((each) => each.split(' ')[0]));

    expect(new Set([...covered, 'ceiling'])).toEqual(
      new Set(rules.map(({ uid }) => uid.replace('tokentide-', ''))),
    );
  });

  it('the ceiling is judged once it is set', async () => {
    const ceiling = rulesIn('en', readSettings(['ceiling.tokens=1000000'])).filter(({ uid }) =>
      uid.includes('ceiling'),
    );
    const database = await filled(
      'ceiling',
      withEvents(ordinary, [EVENTS['a key uses ten times as much in the open hour']!]),
    );

    const fired = await firedIn(database, NOW, ceiling);

    expect(rules.find(({ uid }) => uid.includes('ceiling'))).toMatchObject({ isPaused: true });
    expect(ceiling).toMatchObject([{ isPaused: false }]);
    expect(fired.map(named)).toEqual(['ceiling provider=ucloud account=keys key=k2']);
    for (const each of fired) expectReadable(each);
  });

  it('tell of an empty store in one rule, about freshness', async () => {
    await influxQuery(influx.url, 'CREATE DATABASE "empty"');

    const fired = await firedIn('empty');

    expect(fired.map(named)).toEqual(['stale']);
  });

  it('call nothing new, and no record a spike, in a store of two days', async () => {
    const database = await filled('young', [
      ...ordinaryUsage(2),
      ...ordinaryHealth(2),
      ...ordinaryReconciliations(),
    ]);

    expect((await firedIn(database)).map(named)).toEqual([]);
  });

  it('call nothing new in an account of one day beside an old one', async () => {
    const young = ordinaryUsage(1)
      .filter(({ tags, time }) => tags.account === 'cache' && time > NOW - DAY)
      .map((point) => ({ ...point, tags: { ...point.tags, account: 'young' } }));
    const old = ordinaryUsage().filter(({ tags }) => tags.account === 'total');
    const database = await filled('beside', [...young, ...old, ...ordinaryHealth(2)]);

    expect((await firedIn(database)).map(named)).toEqual([]);
  });

  it('judge a key by its own past only, also where each query has one series', async () => {
    const replaced = NOW - 2 * HOUR;
    const points = ordinaryUsage()
      .filter(({ tags }) => tags.account === 'keys' && tags.key === 'k1')
      .map((point) =>
        point.time < replaced
          ? point
          : { ...point, tags: { ...point.tags, key: 'k9' }, fields: { ...point.fields, tokens: 900_000 } },
      );
    const database = await filled('replaced', [...points, ...ordinaryHealth(2)]);

    expect((await firedIn(database)).map(named)).toEqual(['new-key provider=ucloud account=keys key=k9']);
  });

  it('go on when the open hour has no points yet', async () => {
    const before = ordinary.filter(({ time }) => time <= NOW - HOUR);

    expect((await firedIn(await filled('full-hour', before))).map(named)).toEqual([]);
  });
});

describe('the texts of alerts', () => {
  it.each(
    LANGUAGES.flatMap((language) => inLanguage[language].map((rule) => [language, rule.uid, rule] as const)),
  )('in %s, %s says without data or after an error that it could not look', (_, _uid, rule) => {
    for (const labels of [{}, { datasource_uid: 'tokentide', ref_id: 'NOW_QUERY' }]) {
      const texts = textsOf(rule, labels, {});
      expect(texts.summary!.length).toBeGreaterThan(3);
      expect(texts.description!.length).toBeGreaterThan(20);
    }
  });

  it.each(rules.map((rule) => [rule.uid, rule] as const))(
    '%s links to the series whatever its name is',
    (_, rule) => {
      const values = Object.fromEntries(rule.data.map(({ refId }) => [refId, 1]));
      for (const name of HURTING_NAMES) {
        const labels = Object.fromEntries([...ORDER, ...USAGE.tagNames].map((tag) => [tag, name]));
        const { description } = textsOf(rule, labels, values);

        expect(description).toContain(EXTERNAL_URL);
      }
    },
  );
});

/** Texts in both languages, with numbers and names, and links that choose the series. */
function expectReadable({ rule, instance }: Fired): void {
  for (const language of LANGUAGES) {
    const same = inLanguage[language].find(({ uid }) => uid === rule.uid)!;
    const { description } = textsOf(same, instance.labels, instance.values);

    expect(description).toMatch(/\d/);
    for (const [tag, value] of Object.entries(instance.labels)) {
      if (value && tag !== 'bucket' && tag !== 'team') expect(description).toContain(value);
    }
  }
}

function textsOf(rule: RuleJson, labels: Labels, values: Readonly<Record<string, number>>): Labels {
  const data = { labels: { alertname: rule.title, ...rule.labels, ...labels }, values };
  const texts = Object.fromEntries(
    Object.entries(rule.annotations).map(([name, template]) => [name, render(template, data)]),
  );
  for (const text of Object.values(texts)) {
    expect(text, rule.uid).not.toMatch(/<nil>|\[no value\]|%!|NaN|Inf|undefined|\{\{|\}\}/);
    for (const [url] of text.matchAll(/https?:\/\/[^\s，。：]+/g)) expectLink(url, labels);
  }
  return texts;
}

function expectLink(text: string, labels: Labels): void {
  const url = new URL(text);
  const board = BOARDS.en.find(({ uid }) => url.pathname === `/d/${uid}`);
  if (text.startsWith(EXTERNAL_URL)) expect(board, text).toBeDefined();
  for (const [name, value] of url.searchParams) {
    if (!name.startsWith('var-')) continue;
    const variable = name.slice('var-'.length);
    expect(board?.templating.list.map(({ name }) => name)).toContain(variable);
    if (Object.hasOwn(labels, variable)) expect(value).toBe(labels[variable]);
  }
}
