import { GOOD, NEUTRAL, OTHER_COLOUR } from './colours.ts';
import type { Json, Panel, Query } from './dashboard.ts';
import type { Text } from './text.ts';
import { text } from './text.ts';

/** The kinds of panels that the dashboards are made of. Only panel types that exist from Grafana 9.5 to 13. */

export type Unit = 'short' | 'locale' | 'percentunit' | 's' | 'dateTimeFromNow' | 'dateTimeAsIso' | 'none';

export interface Step {
  /** From which value on. */
  readonly from: number;
  readonly color: string;
}

interface Common {
  readonly id: number;
  readonly title: Text;
  readonly description: Text;
  readonly width: number;
  readonly height: number;
}

export const NOT_REPORTED = text('not reported', '未提供');
export const NO_DATA = text('no usage', '无用量');

export const table = (query: string): Query => ({ query, format: 'table' });
export const series = (query: string, alias?: string | Text): Query => ({
  query,
  format: 'time_series',
  ...(alias !== undefined && { alias }),
});

export const property = (id: string, value: unknown): Json => ({ id, value });
export const byName = (field: string | Text, ...properties: readonly Json[]): Json => ({
  matcher: { id: 'byName', options: field },
  properties,
});

/** One step without a limit: Grafana's own thresholds turn a number red above 80. */
const PLAIN = { mode: 'absolute', steps: [{ color: NEUTRAL, value: null }] };

export const thresholds = (steps: readonly Step[], base: string = GOOD): Json => ({
  mode: 'absolute',
  steps: [{ color: base, value: null }, ...steps.map(({ from, color }) => ({ color, value: from }))],
});

interface StatOptions extends Common {
  readonly unit: Unit;
  readonly decimals?: number;
  readonly noValue: Text;
  readonly queries: readonly Query[];
  readonly transformations?: readonly Json[];
  /** Only where a number is good or bad. */
  readonly steps?: readonly Step[];
  readonly overrides?: readonly Json[];
  readonly mappings?: readonly Json[];
  /** Which fields are shown. */
  readonly fields?: string;
  readonly calc?: string;
}

export function stat(options: StatOptions): Panel {
  const {
    unit,
    decimals,
    noValue,
    queries,
    transformations = [],
    steps,
    overrides = [],
    mappings = [],
  } = options;
  const { fields = '', calc = 'lastNotNull', ...common } = options;
  return {
    ...place(common),
    type: 'stat',
    queries,
    transformations,
    fieldConfig: {
      defaults: {
        unit,
        ...(decimals !== undefined && { decimals }),
        noValue,
        mappings,
        color: steps ? { mode: 'thresholds' } : { mode: 'fixed', fixedColor: 'text' },
        thresholds: steps ? thresholds(steps) : PLAIN,
      },
      overrides,
    },
    options: {
      reduceOptions: { calcs: [calc], fields, values: false },
      colorMode: 'value',
      graphMode: 'none',
      justifyMode: 'auto',
      orientation: 'auto',
      textMode: 'auto',
    },
  };
}

const CHANGE = text('change', '环比');

/**
 * A number of the range and its change against the range of the same length before it. Two columns, `now` and
 * `before`: where `now` has no row, nothing is shown, and never the number of the range before.
 */
export function statWithChange(
  options: Omit<StatOptions, 'queries' | 'transformations' | 'fields'> & {
    readonly now: string;
    readonly before: string;
  },
): Panel {
  const { now, before, overrides = [], ...rest } = options;
  return stat({
    ...rest,
    queries: [table(now), table(before)],
    transformations: [
      { id: 'reduce', options: { mode: 'reduceFields', reducers: ['lastNotNull'], includeTimeField: false } },
      { id: 'concatenate', options: { frameNameMode: 'drop' } },
      calculate('now', '/', 'before', 'ratio'),
      calculate('ratio', '-', '1', 'change'),
      { id: 'organize', options: { excludeByName: { Time: true, before: true, ratio: true } } },
    ],
    fields: '/.*/',
    overrides: [
      byName('now', property('displayName', options.title)),
      byName(
        'change',
        property('displayName', CHANGE),
        property('unit', 'percentunit'),
        property('decimals', 0),
      ),
      ...overrides,
    ],
  });
}

export const calculate = (left: string, operator: string, right: string, alias: string): Json => ({
  id: 'calculateField',
  options: { mode: 'binary', binary: { left, operator, right }, alias, replaceFields: false },
});

interface ChartOptions extends Common {
  readonly unit: Unit;
  readonly queries: readonly Query[];
  readonly overrides?: readonly Json[];
  readonly interval?: string;
  /** What the legend's number is. */
  readonly legend?: 'sum' | 'max' | 'lastNotNull';
  readonly links?: readonly Json[];
  readonly noValue?: Text;
  readonly transformations?: readonly Json[];
  /** Values may be negative. */
  readonly signed?: true;
}

/** Stacked bars, each over its own hour or step. */
export function bars(options: ChartOptions): Panel {
  return stackedBars(options, 'normal');
}

/** Stacked bars of one height: the share of each series in its step. */
export function percentBars(options: ChartOptions): Panel {
  return stackedBars(options, 'percent');
}

function stackedBars(options: ChartOptions, stacking: 'normal' | 'percent'): Panel {
  return chart(options, {
    drawStyle: 'bars',
    lineWidth: 0,
    fillOpacity: 85,
    barAlignment: 1,
    barWidthFactor: 0.9,
    stacking: { mode: stacking, group: 'A' },
    spanNulls: false,
  });
}

/** For states that last until the next reading: ages, queues. */
export function lines(options: ChartOptions): Panel {
  return chart(
    { legend: 'lastNotNull', ...options },
    {
      drawStyle: 'line',
      lineInterpolation: 'stepAfter',
      lineWidth: 2,
      fillOpacity: 5,
      showPoints: 'auto',
      spanNulls: false,
      stacking: { mode: 'none', group: 'A' },
    },
  );
}

function chart(options: ChartOptions, custom: Json): Panel {
  const { unit, queries, overrides = [], interval, legend = 'sum', links = [], noValue, signed } = options;
  const sorted: Record<string, string> = { sum: 'Total', max: 'Max', lastNotNull: 'Last *' };
  return {
    ...place(options),
    type: 'timeseries',
    queries,
    transformations: options.transformations ?? [],
    ...(interval !== undefined && { interval }),
    maxDataPoints: 200,
    fieldConfig: {
      defaults: {
        unit,
        ...(signed ? {} : { min: 0 }),
        ...(noValue && { noValue }),
        // Grafana 9.5 has no palette by name.
        color: { mode: 'palette-classic' },
        custom,
        links,
      },
      overrides: [...overrides, OTHER_COLOUR],
    },
    options: {
      legend: {
        showLegend: true,
        displayMode: 'table',
        // Beside a narrow chart it would take most of the width.
        placement: options.width < 12 ? 'bottom' : 'right',
        calcs: [legend],
        sortBy: sorted[legend],
        sortDesc: true,
      },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  };
}

/** The largest values of a tag as horizontal bars: rows of a table with one text and one number column. */
export function ranking(
  options: Common & {
    readonly unit: Unit;
    readonly query: string;
    readonly value: string;
    readonly noValue: Text;
    readonly overrides?: readonly Json[];
    readonly links?: readonly Json[];
  },
): Panel {
  const { unit, query, value, noValue, overrides = [], links = [], ...common } = options;
  return {
    ...place(common),
    type: 'bargauge',
    queries: [table(query)],
    transformations: [{ id: 'sortBy', options: { sort: [{ field: value, desc: true }] } }],
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        noValue,
        color: { mode: 'fixed', fixedColor: GOOD },
        thresholds: PLAIN,
        links,
      },
      overrides,
    },
    options: {
      reduceOptions: { values: true, calcs: [], fields: `/^${value}$/`, limit: 50 },
      orientation: 'horizontal',
      displayMode: 'basic',
      valueMode: 'text',
      namePlacement: 'left',
      showUnfilled: false,
      sizing: 'manual',
      minVizHeight: 16,
      maxVizHeight: 32,
      minVizWidth: 8,
    },
  };
}

export interface Column {
  /** As the query calls it. */
  readonly name: string;
  readonly label: Text;
  readonly unit?: Unit;
  readonly decimals?: number;
  /** Of a number column: what an absent value is shown as. */
  readonly noValue?: Text;
  readonly width?: number;
  /** A bar behind the number. */
  readonly bar?: true;
  readonly steps?: readonly Step[];
  readonly links?: readonly Json[];
  readonly mappings?: readonly Json[];
}

/** A table with its columns in the given order; columns that are not named are hidden by the query itself. */
export function grid(
  options: Common & {
    readonly queries: readonly Query[];
    readonly columns: readonly Column[];
    readonly sortBy?: string;
    /** Joins the answers of several queries; applied before the columns are arranged. */
    readonly transformations?: readonly Json[];
    /** By name. From Grafana 12.4 on, `Time` hides every column of times. */
    readonly hidden?: readonly string[];
  },
): Panel {
  const { queries, columns, sortBy, transformations = [], hidden = ['Time'], ...common } = options;
  const sorted = columns.find((column) => column.name === sortBy)?.label;
  return {
    ...place(common),
    type: 'table',
    queries,
    transformations: [
      ...transformations,
      {
        id: 'organize',
        options: {
          excludeByName: Object.fromEntries(hidden.map((each) => [each, true])),
          // The order of tags in an answer differs from one answer to the next.
          indexByName: Object.fromEntries(columns.map((column, index) => [column.name, index])),
          renameByName: Object.fromEntries(columns.map((column) => [column.name, column.label])),
        },
      },
    ],
    fieldConfig: {
      defaults: {
        color: { mode: 'fixed', fixedColor: 'text' },
        thresholds: PLAIN,
        custom: { align: 'auto' },
      },
      overrides: columns.map(columnJson),
    },
    options: {
      showHeader: true,
      cellHeight: 'sm',
      sortBy: sorted ? [{ displayName: sorted, desc: true }] : [],
    },
  };
}

function columnJson({ label, unit, decimals, noValue, width, bar, steps, links, mappings }: Column): Json {
  const properties: Json[] = [];
  const add = (id: string, value: unknown): void => void properties.push({ id, value });
  if (unit) add('unit', unit);
  if (decimals !== undefined) add('decimals', decimals);
  if (noValue) add('noValue', noValue);
  if (width) add('custom.width', width);
  if (mappings) add('mappings', mappings);
  if (bar) {
    add('custom.cellOptions', { type: 'gauge', mode: 'basic', valueDisplayMode: 'text' });
    add('color', { mode: 'fixed', fixedColor: GOOD });
    add('min', 0);
  }
  if (steps) {
    add('custom.cellOptions', { type: 'color-text' });
    add('color', { mode: 'thresholds' });
    add('thresholds', thresholds(steps));
  }
  if (links) add('links', links);
  return byName(label, ...properties);
}

/** A link that keeps the range; `query` is what follows `?`. Values of fields need `:percentencode`. */
export const link = (title: Text, uid: string, query: string): Json => ({
  title,
  url: `/d/${uid}?${query}&\${__url_time_range}`,
});

/** A column of a chart's query: how people read it. */
export const named = (column: string, label: Text, colour: string): Json =>
  byName(column, property('displayName', label), property('color', { mode: 'fixed', fixedColor: colour }));

/** A text in place of numbers: one, or all from `from` to `to`. */
export const worded = (from: number, to: number, words: Text, colour: string, index = 0): Json => ({
  type: 'range',
  options: { from, to, result: { text: words, color: colour, index } },
});

/**
 * One row for each combination of the tags, from all queries together, also those that have no row for it. The columns
 * become `tokens (lastNotNull)`, `Time (max)`, ...
 */
export function joined(
  tags: readonly string[],
  columns: Readonly<Record<string, readonly string[]>>,
): Json[] {
  const group = tags.map((tag) => [tag, { operation: 'groupby', aggregations: [] }] as const);
  const rest = Object.entries(columns).map(
    ([column, aggregations]) => [column, { operation: 'aggregate', aggregations }] as const,
  );
  return [
    { id: 'merge', options: {} },
    { id: 'groupBy', options: { fields: Object.fromEntries([...group, ...rest]) } },
  ];
}

const WEEKDAYS = [
  text('Monday', '周一'),
  text('Tuesday', '周二'),
  text('Wednesday', '周三'),
  text('Thursday', '周四'),
  text('Friday', '周五'),
  text('Saturday', '周六'),
  text('Sunday', '周日'),
];

/** Weekdays by hours of the day, of a query with one `tokens` for each hour. */
export function weekByHour(
  options: Common & { readonly unit: Unit; readonly query: string; readonly zone: string },
): Panel {
  const { unit, query, zone } = options;
  const local = { destinationType: 'string', timezone: zone };
  const sorted = (field: string): Json => ({ id: 'sortBy', options: { sort: [{ field }] } });
  const corner = 'Time\\hour';
  return {
    ...place(options),
    type: 'table',
    queries: [table(query)],
    transformations: [
      calculate('Time', '*', '1', 'hour'),
      {
        // Not `formatTime`, which Grafana 9.5 does not have; there the zone is that of the browser.
        id: 'convertFieldType',
        options: {
          fields: {},
          conversions: [
            { targetField: 'hour', destinationType: 'time' },
            { targetField: 'hour', dateFormat: 'HH', ...local },
            { targetField: 'Time', dateFormat: 'E', ...local },
          ],
        },
      },
      ...joined(['hour', 'Time'], { tokens: ['sum'] }).slice(1),
      // Otherwise the columns begin with the hour of the range's start.
      sorted('hour'),
      {
        id: 'groupingToMatrix',
        options: { columnField: 'hour', rowField: 'Time', valueField: 'tokens (sum)', emptyValue: 'null' },
      },
      sorted(corner),
    ],
    fieldConfig: {
      defaults: {
        unit,
        noValue: text('–', '–'),
        color: { mode: 'continuous-BlPu' },
        thresholds: PLAIN,
        custom: { align: 'center', width: 58, cellOptions: { type: 'color-background', mode: 'basic' } },
      },
      overrides: [
        byName(
          corner,
          property('displayName', text('Weekday', '星期')),
          property('custom.width', 110),
          property('custom.align', 'left'),
          property('custom.cellOptions', { type: 'auto' }),
          property('mappings', [
            {
              type: 'value',
              options: Object.fromEntries(
                WEEKDAYS.map((day, index) => [String(index + 1), { text: day, index }]),
              ),
            },
          ]),
        ),
      ],
    },
    options: { showHeader: true, cellHeight: 'sm', sortBy: [] },
  };
}

/** States over time, a row for each series. A step without a value is a hole. */
export function timeline(
  options: Common & {
    readonly queries: readonly Query[];
    readonly mappings: readonly Json[];
    readonly interval: string;
    readonly noValue: Text;
  },
): Panel {
  const { queries, mappings, interval, noValue } = options;
  return {
    ...place(options),
    type: 'state-timeline',
    queries,
    interval,
    fieldConfig: {
      defaults: {
        unit: 'none',
        noValue,
        mappings,
        color: { mode: 'thresholds' },
        thresholds: PLAIN,
        custom: { fillOpacity: 80, lineWidth: 0, spanNulls: false },
      },
      overrides: [],
    },
    options: {
      mergeValues: true,
      showValue: 'never',
      alignValue: 'left',
      rowHeight: 0.8,
      legend: { showLegend: true, displayMode: 'list', placement: 'bottom' },
      tooltip: { mode: 'single', sort: 'none' },
    },
  };
}

function place({
  id,
  title,
  description,
  width,
  height,
}: Common): Pick<Panel, 'id' | 'title' | 'description' | 'width' | 'height'> {
  return { id, title, description, width, height };
}
