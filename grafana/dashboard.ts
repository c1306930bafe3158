import { text, type Text } from './text.ts';
import type { Variable } from './variables.ts';

/** Classic dashboard JSON, as Grafana 9.5 to 13 load it: https://grafana.com/docs/grafana/latest/visualizations/dashboards/build-dashboards/view-dashboard-json-model/ */

export type Json = Readonly<Record<string, unknown>>;

/** Every panel takes the data source that the dashboard's variable names. */
export const DATA_SOURCE = { type: 'influxdb', uid: '${datasource}' };

export interface Query {
  readonly query: string;
  /** `table` keeps the names of columns, which transformations and overrides look for. */
  readonly format: 'table' | 'time_series';
  /** The name of a series in a chart, for example `$tag_model`. */
  readonly alias?: string | Text;
}

export interface Panel {
  /** In links and alert rules: never given to another panel. */
  readonly id: number;
  readonly type: string;
  readonly title: Text;
  /** What is counted, what is not, and where it comes from. */
  readonly description: Text;
  /** Of the 24 columns of a dashboard. */
  readonly width: number;
  readonly height: number;
  readonly queries: readonly Query[];
  readonly fieldConfig: Json;
  readonly options: Json;
  readonly transformations?: readonly Json[];
  /** The smallest `$__interval`. */
  readonly interval?: string;
  /** The range divided by it is the usual `$__interval`: fewer and wider bars cost the store less. */
  readonly maxDataPoints?: number;
}

export interface Row {
  readonly title: Text;
  readonly panels: readonly Panel[];
  /** Loaded when opened. */
  readonly collapsed?: true;
}

export interface Annotation {
  readonly name: Text;
  readonly color: string;
  readonly query: string;
  readonly mappings: Json;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: Text;
  readonly description: Text;
  readonly variables: readonly Variable[];
  readonly annotations: readonly Annotation[];
  readonly rows: readonly Row[];
  readonly from?: string;
}

export function dashboardJson(dashboard: Dashboard): Json {
  const { uid, title, description, variables, annotations, rows, from = 'now-7d' } = dashboard;
  return {
    uid,
    title,
    description,
    tags: ['tokentide'],
    schemaVersion: 39,
    version: 1,
    editable: false,
    graphTooltip: 1,
    refresh: '5m',
    time: { from, to: 'now' },
    timezone: 'browser',
    links: [
      {
        type: 'dashboards',
        title: text('Dashboards', '仪表盘'),
        tags: ['tokentide'],
        asDropdown: false,
        includeVars: true,
        keepTime: true,
        targetBlank: false,
        icon: 'external link',
        tooltip: '',
        url: '',
      },
    ],
    templating: { list: variables },
    annotations: { list: annotations.map(annotationJson) },
    panels: layOut(rows),
  };
}

/** A query outside `target` is never sent. */
function annotationJson({ name, color, query, mappings }: Annotation, index: number): Json {
  return {
    name,
    datasource: DATA_SOURCE,
    enable: true,
    hide: false,
    iconColor: color,
    mappings,
    target: { refId: `Annotation${index}`, query, rawQuery: true, resultFormat: 'table' },
  };
}

/** Rows of panels, left to right. @throws RangeError where two panels have one id */
function layOut(rows: readonly Row[]): Json[] {
  const ids = rows.flatMap(({ panels }) => panels.map(({ id }) => id));
  if (new Set(ids).size < ids.length) throw new RangeError(`two panels have the same id: ${ids.join(' ')}`);
  const placed: Json[] = [];
  let y = 0;
  for (const [index, { title, panels, collapsed = false }] of rows.entries()) {
    const inside: Json[] = [];
    const row = { type: 'row', id: 900 + index, title, collapsed, gridPos: { x: 0, y, w: 24, h: 1 } };
    y += 1;
    let x = 0;
    let tallest = 0;
    for (const panel of panels) {
      if (x + panel.width > 24) {
        y += tallest;
        x = tallest = 0;
      }
      inside.push(panelJson(panel, { x, y, w: panel.width, h: panel.height }));
      x += panel.width;
      tallest = Math.max(tallest, panel.height);
    }
    y += tallest;
    placed.push({ ...row, panels: collapsed ? inside : [] }, ...(collapsed ? [] : inside));
  }
  return placed;
}

function panelJson(panel: Panel, gridPos: Json): Json {
  const {
    id,
    type,
    title,
    description,
    queries,
    fieldConfig,
    options,
    transformations = [],
    interval,
    maxDataPoints,
  } = panel;
  return {
    id,
    type,
    title,
    description,
    gridPos,
    datasource: DATA_SOURCE,
    targets: queries.map(({ query, format, alias }, index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource: DATA_SOURCE,
      query,
      rawQuery: true,
      resultFormat: format,
      ...(alias !== undefined && { alias }),
    })),
    fieldConfig,
    options,
    transformations,
    ...(interval !== undefined && { interval }),
    ...(maxDataPoints !== undefined && { maxDataPoints }),
  };
}
