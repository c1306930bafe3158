import type { Severity } from '../../src/usage/catalogue.ts';
import type { Json } from '../dashboard.ts';
import { DATA_SOURCE_UID } from '../provisioning.ts';
import { text, type Language, type Text } from '../text.ts';
import { GO_ON, NOT_EVALUATED, TRIAGE } from './words.ts';

/**
 * Alert rules as Grafana reads them from files:
 * https://grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/
 * One wrong value stops Grafana from starting, an unknown key does nothing: test/grafana/alert-rules.test.ts.
 */

export type Kind = 'verdict' | 'spike' | 'ceiling' | 'new' | 'change' | 'collection';

export interface Rule {
  /** Part of its uid, and the name of its page in docs/alerts. */
  readonly name: string;
  /** Its page, where several rules share one. */
  readonly runbook?: string;
  readonly title: Text;
  readonly severity: Severity;
  readonly kind: Kind;
  /** What "View panel" opens. */
  readonly panel: PanelReference;
  /** One number for each series, by the name that the expressions and texts use: letters only, for Grafana's parser. */
  readonly queries: Readonly<Record<string, string>>;
  /** In the order in which they need each other. With the queries they define NOW, what is judged, and LIMIT. */
  readonly math: Readonly<Record<string, string>>;
  /** Not 0 where the rule fires. */
  readonly fires: string;
  readonly summary: Text;
  /** The first sentences, with the numbers. */
  readonly fired: Text;
  /** What to look at first. */
  readonly look: readonly Text[];
  readonly for?: string;
  readonly noData?: 'OK' | 'Alerting';
  /** Holds the alert over the start of an hour, when the open bucket is missing or still small. */
  readonly holds?: true;
  readonly paused?: boolean;
}

export interface PanelReference {
  readonly dashboard: string;
  readonly id: number;
  /** In English: for readers of the code, and for a test that the number still means this panel. */
  readonly title: string;
}

export interface Group {
  readonly name: string;
  readonly minutes: number;
  readonly rules: readonly Rule[];
}

const EXPRESSIONS = '__expr__';
/** Over the full hour: the open bucket has no point yet, then a small one. */
const HOLD_MINUTES = 70;
const MISSING_MINUTES = 65;

/** `runbook`: the address of a rule's page. */
export function groupJson({ name, minutes, rules }: Group, runbook: (rule: Rule) => string): Json {
  return {
    orgId: 1,
    name,
    folder: 'tokentide',
    interval: `${minutes}m`,
    // While the store is down one alert of each group says so instead of all of them.
    rules: rules.map((rule, index) =>
      ruleJson(rule, minutes, runbook(rule), index === 0 ? 'Error' : 'KeepLast'),
    ),
  };
}

function ruleJson(rule: Rule, minutes: number, runbook: string, onError: 'Error' | 'KeepLast'): Json {
  const { queries, math, fires, panel, noData = 'OK', holds = false, paused = false } = rule;
  return {
    uid: `tokentide-${rule.name}`,
    title: rule.title,
    condition: 'FIRES',
    data: [
      ...Object.entries(queries).flatMap(([refId, query]) => [
        queryJson(`${refId}_QUERY`, query),
        reduceJson(refId, `${refId}_QUERY`),
      ]),
      ...Object.entries({ ...math, FIRES: fires }).map(([refId, expression]) => mathJson(refId, expression)),
    ],
    noDataState: noData,
    execErrState: onError,
    for: rule.for ?? '0s',
    ...(holds && {
      keepFiringFor: `${HOLD_MINUTES}m`,
      missing_series_evals_to_resolve: Math.ceil(MISSING_MINUTES / minutes),
    }),
    isPaused: paused,
    labels: { severity: rule.severity, kind: rule.kind },
    annotations: {
      summary: rule.summary,
      description: description(rule),
      runbook_url: runbook,
      __dashboardUid__: panel.dashboard,
      __panelId__: String(panel.id),
    },
  };
}

function queryJson(refId: string, query: string): Json {
  const ago = [...query.matchAll(/now\(\) - (\d+)h/g)].map(([, hours]) => Number(hours));
  return {
    refId,
    // For the editor, which shows what is read; the query has its own times.
    relativeTimeRange: { from: Math.max(...ago) * 3600, to: 0 },
    datasourceUid: DATA_SOURCE_UID,
    model: {
      refId,
      datasource: { type: 'influxdb', uid: DATA_SOURCE_UID },
      query,
      rawQuery: true,
      resultFormat: 'time_series',
      intervalMs: 3_600_000,
      maxDataPoints: 1000,
    },
  };
}

const reduceJson = (refId: string, expression: string): Json =>
  expressionJson(refId, { type: 'reduce', expression, reducer: 'last', settings: { mode: 'dropNN' } });

const mathJson = (refId: string, expression: string): Json =>
  expressionJson(refId, { type: 'math', expression });

function expressionJson(refId: string, model: Json): Json {
  return {
    refId,
    relativeTimeRange: { from: 0, to: 0 },
    datasourceUid: EXPRESSIONS,
    model: { refId, datasource: { type: EXPRESSIONS, uid: EXPRESSIONS }, ...model },
  };
}

/** Plain text: Grafana and webhooks show it as it is. Without values (no data, an error) none of them is named. */
function description({ fired, look }: Rule): Text {
  const inLanguage = (language: Language): string =>
    [
      `{{ if $values.NOW }}${fired[language]}`,
      '',
      TRIAGE[language],
      ...look.map((each, index) => `${index + 1}. ${each[language]}`),
      `${GO_ON[language]}{{ else }}${NOT_EVALUATED[language]}{{ end }}`,
    ].join('\n');
  return text(inLanguage('en'), inLanguage('zh-CN'));
}

/** Math of Grafana's expressions has no maximum of two. */
export function larger(left: string, right: string): string {
  const [a, b] = [left, right].map((each) => (/ [+-] /.test(each) ? `(${each})` : each));
  return `(${a} + ${b} + abs(${a} - ${b})) / 2`;
}

/** A fixed limit with the labels of the series, so that texts can show it. */
export const fixed = (limit: number): string => `$NOW * 0 + ${limit}`;

/** A duration of whole minutes. */
export const inMinutes = (minutes: number): string => `${Math.round(minutes)}m`;
