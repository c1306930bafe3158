import { describe, expect, it } from 'vitest';
import { LANGUAGES } from '../../grafana/text.ts';
import { CATALOGUE, USAGE } from '../../src/usage/catalogue.ts';
import {
  conditionsOf,
  flatten,
  groupsOf,
  measurementOf,
  parseStatement,
  whereOf,
  type Statement,
} from '../support/grafana-influxql.ts';
import {
  columnsOf,
  hasUnit,
  isText,
  isTime,
  numberColumns,
  propertyOf,
  TAGS,
} from '../support/grafana-columns.ts';
import { FILTER_TAGS } from '../../grafana/variables.ts';
import { leaves, strings, texts } from '../support/grafana-texts.ts';
import { BUILT_IN, nameIn, REFERENCE } from '../support/grafana-variables.ts';
import {
  BOARDS,
  panelsOf,
  queriesOf,
  type Board,
  type PanelJson,
  type VariableJson,
} from '../support/grafana.ts';

/** In Grafana from 9.5 to 13. */
const PANEL_TYPES = [
  'timeseries',
  'barchart',
  'bargauge',
  'stat',
  'table',
  'state-timeline',
  'heatmap',
  'text',
];
const DATA_SOURCE = { type: 'influxdb', uid: '${datasource}' };

type Rule = (board: Board) => string[];

/** A rule on each panel: what is wrong, or nothing. */
const everyPanel =
  (check: (panel: PanelJson, board: Board) => (string | false | undefined)[]): Rule =>
  (board) =>
    panelsOf(board).flatMap((panel) =>
      check(panel, board)
        .filter(Boolean)
        .map((problem) => `${panel.id} ${panel.title}: ${String(problem)}`),
    );

const everyStatement =
  (check: (statement: Statement, root: Statement, board: Board) => (string | false)[]): Rule =>
  (board) =>
    queriesOf(board)
      .filter(({ query }) => !query.startsWith('SHOW '))
      .flatMap(({ place, query }) => {
        const root = parseStatement(query);
        return flatten(root)
          .flatMap((statement) => check(statement, root, board))
          .filter(Boolean)
          .map((problem) => `${place}: ${String(problem)}`);
      });

const RULES: Record<string, Rule> = {
  'every panel has a title that no other of its kind has': (board) => {
    const titles = panelsOf(board).map(({ type, title }) => `${type} ${title.trim()}`);
    return titles.filter((title, index) => title.endsWith(' ') || titles.indexOf(title) !== index);
  },

  'every panel describes what it counts': everyPanel(({ type, description = '' }) => [
    type !== 'text' && description.length < 25 && `the description is ${description || 'missing'}`,
  ]),

  'panels are of types that Grafana 9.5 to 13 have': everyPanel(({ type }) => [
    !PANEL_TYPES.includes(type) && `type ${type}`,
  ]),

  'panels and queries take the data source of the variable': (board) => [
    ...everyPanel(({ type, datasource, targets = [] }) => [
      type !== 'text' && !isDataSource(datasource) && 'the panel names a data source',
      ...targets.map((target) => !isDataSource(target.datasource) && `${target.refId} names a data source`),
    ])(board),
    ...board.annotations.list
      .filter(({ datasource }) => !isDataSource(datasource))
      .map(({ name }) => `annotation ${name}`),
    ...board.templating.list
      .filter((variable) => variable.type === 'query')
      .filter((variable) => !isDataSource((variable as VariableJson & { datasource?: unknown }).datasource))
      .map(({ name }) => `variable ${name}`),
  ],

  'ids are unique': (board) => {
    const ids = board.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]).map(({ id }) => id);
    return ids.filter((id, index) => ids.indexOf(id) !== index).map(String);
  },

  'panels are inside the 24 columns and do not overlap': (board) => {
    const all = board.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
    return all.flatMap(({ id, gridPos: { x, y, w, h } }, index) => [
      ...(x < 0 || w < 1 || h < 1 || x + w > 24 ? [`${id} is outside`] : []),
      ...all
        .slice(index + 1)
        .filter(({ gridPos: other }) => x < other.x + other.w && other.x < x + w)
        .filter(({ gridPos: other }) => y < other.y + other.h && other.y < y + h)
        .map((other) => `${id} overlaps ${other.id}`),
    ]);
  },

  'every panel with numbers has a query, in raw InfluxQL and a known format': everyPanel(
    ({ type, targets = [] }) => [
      type !== 'text' && targets.length === 0 && 'no query',
      ...targets.flatMap(({ refId, rawQuery, resultFormat, query }) => [
        !rawQuery && `${refId} is not raw`,
        !['table', 'time_series'].includes(resultFormat) && `${refId} has format ${resultFormat}`,
        query.trim() === '' && `${refId} is empty`,
      ]),
    ],
  ),

  'queries with transformations answer as tables, which keep the names of columns': everyPanel(
    ({ targets = [], transformations = [] }) => [
      transformations.length > 0 &&
        targets.some(({ resultFormat }) => resultFormat !== 'table') &&
        'a time_series',
    ],
  ),

  'every number has a unit': everyPanel((panel) => [
    panel.type !== 'text' &&
      panel.fieldConfig?.defaults['unit'] === undefined &&
      numberColumns(panel).length === 0 &&
      'no unit',
    ...numberColumns(panel).map(
      (column) => !hasUnit(panel, column) && !isText(panel, column) && `no unit of ${column}`,
    ),
  ]),

  'what is not known has a text, and names have none': everyPanel((panel) => {
    const { defaults = {} } = panel.fieldConfig ?? {};
    const columns = columnsOf(panel);
    if (!['stat', 'bargauge', 'table'].includes(panel.type)) return [];
    // Its cells are made by a transformation, and its first column holds names.
    if (panel.transformations?.some(({ id }) => id === 'groupingToMatrix')) return [];
    if (panel.type !== 'table' || columns.length === 0)
      return [!defaults['noValue'] && 'no text for an unknown number'];
    return [
      defaults['noValue'] !== undefined && 'the text for an unknown number also fills columns of names',
      ...columns.map((column) => {
        const has = propertyOf(panel, column, 'noValue') !== undefined;
        if (TAGS.has(column)) return has && `a name has it: ${column}`;
        return !has && !isText(panel, column) && !isTime(panel, column) && `a number has none: ${column}`;
      }),
    ];
  }),

  'every variable that is used exists': (board) => {
    const known = new Set([...board.templating.list.map(({ name }) => name), ...BUILT_IN]);
    return [
      ...queriesOf(board).flatMap(({ place, query }) =>
        references(query)
          .filter((name) => !known.has(name))
          .map((name) => `${place}: ${name}`),
      ),
      ...strings(board.panels)
        .flatMap((each) => references(each))
        .filter((name) => !known.has(name) && !/^(?:__|tag_|col$|measurement$|m$)/.test(name)),
    ];
  },

  'every variable is used': (board) => {
    const used = new Set(
      [...strings(board.panels), ...queriesOf(board).map(({ query }) => query)].flatMap(references),
    );
    return board.templating.list
      .map(({ name }) => name)
      .filter((name) => name !== 'datasource' && !used.has(name));
  },

  'names of variables are unique': (board) => {
    const names = board.templating.list.map(({ name }) => name);
    return names.filter((name, index) => names.indexOf(name) !== index);
  },

  'variables with several values are used as /^${x:regex}$/ only, others as text': (board) =>
    queriesOf(board).flatMap(({ place, query }) =>
      [...query.matchAll(REFERENCE)]
        .filter((match) => {
          const variable = board.templating.list.find(({ name }) => name === nameIn(match));
          if (!variable) return false;
          const before = query.slice(0, match.index);
          const after = query.slice(match.index + match[0].length);
          if (!variable.multi) return match[4] !== undefined;
          return match[4] !== 'regex' || !/" [=!]~ \/\^$/.test(before) || !after.startsWith('$/');
        })
        .map(([match]) => `${place}: ${match}`),
    ),

  'variables of queries have All, and match series without the tag unless they list the largest': (board) =>
    board.templating.list
      .filter(({ type, multi, hide }) => type === 'query' && (multi || hide !== 2))
      .filter((variable) => {
        const all = variable.multi && variable.includeAll && variable.current.value?.[0] === '$__all';
        return !all || (variable.allValue === undefined ? variable.hide !== 2 : variable.allValue !== '.*');
      })
      .map(({ name }) => name),

  'usage is read from one width of bucket': everyStatement((statement) => {
    const reads = measurementOf(statement) === USAGE.name;
    const bucket = /^"bucket" = '(?:\$bucket|1h|1d)'$/;
    const isSeparate = groupsOf(statement).includes('"bucket"');
    return [
      reads && !isSeparate && !conditions(statement).some((each) => bucket.test(each)) && statement.text,
    ];
  }),

  'usage is filtered by every variable that names a tag': everyStatement((statement, _, board) => {
    if (measurementOf(statement) !== USAGE.name) return [];
    const filters = board.templating.list.filter(({ name, allValue }) => TAGS.has(name) && allValue === '.*');
    // What marks the open bucket says nothing about a series, and a list of accounts shows what there is.
    if (conditions(statement).some((each) => each.startsWith('time > now() - $bucket'))) return [];
    if (groupsOf(statement).includes('"bucket"')) return [];
    return filters.map(
      ({ name }) => !conditions(statement).includes(`"${name}" =~ /^\${${name}:regex}$/`) && `no ${name}`,
    );
  }),

  'the time is limited where points are read, and only there': everyStatement((statement) => {
    const limits = conditions(statement).some((each) => /^(?:time |\$timeFilter)/.test(each));
    if (measurementOf(statement) !== undefined) return [!limits && statement.text];
    // Steps need a range. A second limit empties sub-queries that fill with 0, where it is not on the hour.
    const hasSteps = groupsOf(statement).some((group) => group.startsWith('time('));
    const fills = flatten(statement).some(({ text }) => text.includes('fill(0)'));
    return [limits && (!hasSteps || fills) && statement.text];
  }),

  'no chart has a series for each user or key': everyStatement((statement, _, board) => {
    const groups = groupsOf(statement);
    const tops = board.templating.list.filter(({ multi, allValue }) => multi && allValue === undefined);
    const limited = conditions(statement).some((each) =>
      tops.some(({ name }) => each.includes(`=~ /^\${${name}:regex}$/`)),
    );
    const unlimited = groups.filter((group) => ['"user"', '"key"', '"${groupby}"'].includes(group));
    return [groups.some((group) => group.startsWith('time(')) && !limited && unlimited.join(' ')];
  }),

  'days are those of a time zone': everyStatement((statement, root) => [
    groupsOf(statement).some((group) => /^time\(\d+[dw]/.test(group)) &&
      !/tz\('[^']+'\)$/.test(root.text) &&
      !/tz\('[^']+'\)$/.test(statement.text) &&
      statement.text,
  ]),

  'tags and fields are those that the measurement has': everyStatement((statement, root) => {
    const measurement = CATALOGUE.get(measurementOf(statement) ?? '');
    if (!measurement) return [];
    const names = new Set<string>([...measurement.tagNames, ...measurement.fieldNames]);
    // A column that only another sub-query has: null here.
    const others = flatten(root).filter((other) => other !== statement);
    const isOfAnother = (name: string): boolean => others.some(({ text }) => text.includes(` AS "${name}"`));
    return [...statement.text.replaceAll(/ AS "[^"]*"|FROM "[^"]*"/g, '').matchAll(/"([^"]+)"/g)]
      .map(([, name]) => name!)
      .filter((name) => !names.has(name) && !/^\$\{\w+\}$/.test(name) && !isOfAnother(name))
      .map((name) => `${measurement.name} has no ${name}`);
  }),

  'values of fields are encoded in links, and links lead to dashboards with these variables': (board) =>
    links(board).flatMap((url) => [
      ...[...url.matchAll(/\$\{(__(?:data|field|value)[^}]*)\}/g)]
        .filter(([, inside]) => !inside!.endsWith(':percentencode'))
        .map(([match]) => `${match} in ${url}`),
      ...(url.includes('${__url_time_range}') ? [] : [`no range in ${url}`]),
      ...wrongTarget(url),
    ]),

  'links keep the filter, and name each variable once': (board) =>
    links(board)
      .filter((url) => /^\/d\/tokentide-(?:overview|explore|members)\?/.test(url))
      .flatMap((url) => {
        const passed = passedBy(url);
        return [
          ...FILTER_TAGS.filter((tag) => !passed.includes(tag)).map((tag) => `${tag} is lost in ${url}`),
          ...(new Set(passed).size < passed.length ? [`twice the same in ${url}`] : []),
        ];
      }),

  'verdicts of alerts are marked once in a step, not once for each hour': (board) =>
    board.annotations.list
      .map(({ target }) => target!.query)
      .filter((query) => query.includes('llm_token_alert') && !query.includes('GROUP BY time($__interval)')),

  'annotations have their query where Grafana reads it': (board) =>
    board.annotations.list
      .filter(({ query, target }) => query !== undefined || target?.rawQuery !== true || !target.query.trim())
      .map(({ name }) => name),

  'no variable is used that InfluxQL does not get': (board) =>
    strings(board).filter((each) => each.includes('__range')),

  'colours are never green and red': (board) =>
    colours(board).filter((colour) => !/^(?:#[0-9A-F]{6}|text|transparent)$/i.test(colour)),

  'numbers have thresholds of their own, or Grafana turns them red above 80': everyPanel(
    ({ type, fieldConfig }) => [
      ['stat', 'bargauge', 'table'].includes(type) &&
        !Array.isArray((fieldConfig?.defaults['thresholds'] as { steps?: unknown })?.steps) &&
        'no thresholds',
    ],
  ),

  'no text is empty': (board) =>
    texts(board)
      .filter(([path, value]) => value.trim() === '' && !path.endsWith('tooltip'))
      .map(([path]) => path),
};

describe.each(LANGUAGES)('the dashboards in %s', (language) => {
  describe.each(BOARDS[language].map((board) => [board.file, board] as const))('%s', (_, board) => {
    it.each(Object.entries(RULES))('%s', (_, rule) => {
      expect(rule(board)).toEqual([]);
    });
  });

  it('have unique uids and titles', () => {
    for (const property of ['uid', 'title', 'description'] as const) {
      const values = BOARDS[language].map((board) => board[property]);
      expect(new Set(values).size).toBe(values.length);
    }
    for (const { uid } of BOARDS[language]) expect(uid).toMatch(/^tokentide-[a-z-]{1,30}$/);
  });
});

function isDataSource(value: unknown): boolean {
  return JSON.stringify(value) === JSON.stringify(DATA_SOURCE);
}

const conditions = (statement: Statement): string[] => conditionsOf(whereOf(statement));

const references = (text: string): string[] => [...text.matchAll(REFERENCE)].map(nameIn);

function links(board: Board): string[] {
  return leaves(board.panels)
    .filter(([path]) => /\/links\/\d+\/url$|\/value\/\d+\/url$/.test(path))
    .map(([, url]) => String(url));
}

/** The variables that a link sets. */
const passedBy = (url: string): string[] =>
  [...url.matchAll(/\bvar-(\w+)=|\$\{(\w+):queryparam\}/g)].map(([, set, passed]) => set ?? passed!);

/** A dashboard or variables that do not exist. */
function wrongTarget(url: string): string[] {
  const [, uid] = /^\/d\/([\w-]+)/.exec(url) ?? [];
  const target = BOARDS.en.find((board) => board.uid === uid);
  if (!target) return [`no dashboard for ${url}`];
  const names = target.templating.list.map(({ name }) => name);
  return passedBy(url)
    .filter((name) => !names.includes(name))
    .map((name) => `${uid} has no variable ${name}`);
}

function colours(board: Board): string[] {
  return leaves(board)
    .filter(([path]) => /\/(?:color|fixedColor|iconColor)(?:\/fixedColor)?$/.test(path))
    .map(([, value]) => value)
    .filter((value) => typeof value === 'string');
}
