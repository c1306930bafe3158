import { text, type Text } from '../text.ts';

/**
 * Parts of annotations, which are Go templates: https://grafana.com/docs/grafana/latest/alerting/alerting-rules/templates/
 * No braces after a dollar sign: newer versions of Grafana would expand them as variables of the environment.
 */

export const TRIAGE = text('Look first:', '排查步骤：');
export const GO_ON = text('Then follow the runbook.', '处理方法见处置手册。');
export const NOT_EVALUATED = text(
  'The rule was not evaluated: there is no data, or the query failed. See {{ externalURL }}d/tokentide-health',
  '规则未能求值：没有数据，或查询失败。请查看 {{ externalURL }}d/tokentide-health',
);

/** 4.1M */
export const amount = (refId = 'NOW'): string => `{{ humanize $values.${refId}.Value }}`;
/** All digits. */
export const exact = (refId = 'NOW'): string => `{{ printf "%.0f" $values.${refId}.Value }}`;
export const share = (refId = 'NOW'): string => `{{ humanizePercentage $values.${refId}.Value }}`;
/** 3h 20m 0s, of seconds. */
export const duration = (refId = 'NOW'): string => `{{ humanizeDuration $values.${refId}.Value }}`;
export const decimal = (refId = 'NOW'): string => `{{ printf "%.2f" $values.${refId}.Value }}`;
export const label = (tag: string): string => `{{ $labels.${tag} }}`;

/** A part that is there for a series with the tag. */
export const ifLabel = (tag: string, part: string): string => `{{ if $labels.${tag} }}${part}{{ end }}`;

/** A part that is there where a number is known: 0 is not, by the way it was asked for. */
export const ifKnown = (refId: string, part: string, otherwise?: string): string =>
  `{{ if $values.${refId}.Value }}${part}${otherwise === undefined ? '' : `{{ else }}${otherwise}`}{{ end }}`;

export const ACCOUNT = `${label('provider')}/${label('account')}`;

/** Ends a summary with the name of the series, which lists show unexpanded. */
export const withName = (words: Text, tag: string): Text =>
  text(
    `${words.en}${ifLabel(tag, `: ${label(tag)}`)}`,
    `${words['zh-CN']}${ifLabel(tag, `：${label(tag)}`)}`,
  );

interface Address {
  readonly from?: string;
  /** Other variables of the dashboard, for example `groupby=model`. */
  readonly also?: string;
}

/** The address of a dashboard with the series' values chosen. */
export const board = (uid: string, tags: readonly string[], address: Address = {}): string =>
  addressOf(uid, tags.map(chosen), address);

/** The same where a series may be without one of the tags. */
export const boardOfAny = (uid: string, tags: readonly string[], address: Address = {}): string =>
  addressOf(
    uid,
    tags.map((tag) => ifLabel(tag, chosen(tag))),
    address,
  );

const chosen = (tag: string): string => `var-${tag}={{ urlquery $labels.${tag} }}&`;

function addressOf(uid: string, parts: readonly string[], { from = 'now-7d', also }: Address): string {
  const others = also === undefined ? '' : `var-${also}&`;
  return `{{ externalURL }}d/tokentide-${uid}?${parts.join('')}${others}from=${from}&to=now`;
}

/** A step of the triage: what to see, and where. */
export const see = (en: string, chinese: string, url: string): Text =>
  text(`${en} ${url}`, `${chinese}${url}`);
