import { HOUR } from '../windows/units.ts';
import type { Change, IncidentRow } from '../ledger/incidents.ts';
import type { Language, Link, Message } from './message.ts';
import type { Addressed } from './queue.ts';
import { accepts, type Route } from './route.ts';
import { nameOf } from './rule-names.ts';

/** An incident as a message needs it. Times are Unix seconds. */
export type NotifiedIncident = Pick<
  IncidentRow,
  | 'id'
  | 'rule'
  | 'severity'
  | 'tags'
  | 'value'
  | 'expected'
  | 'limit'
  | 'text'
  | 'opened'
  | 'closed'
  | 'reason'
>;

/** The part of an incident's event that a message needs. */
export interface NotifiedEvent {
  readonly incident: NotifiedIncident;
  readonly change: Change;
}

export interface NotifyTargets {
  readonly channels: ReadonlyMap<string, Route & { readonly language: Language }>;
  /** Channels that were told about the incident before. */
  readonly told: ReadonlySet<string>;
  /** Address of Grafana, with tokentide's dashboards. */
  readonly grafanaUrl?: string | undefined;
  /** When it changed, Unix seconds. */
  readonly at: number;
}

/**
 * The messages about a change: to the channels whose routes take it, and to those that were told about the incident
 * before, so that nobody waits for an end that is not reported.
 */
export function messagesOf(
  { incident, change }: NotifiedEvent,
  { channels, told, grafanaUrl, at }: NotifyTargets,
): Addressed[] {
  return [...channels].flatMap(([channel, route]) => {
    const message = messageOf(incident, change, route.language, at, grafanaUrl);
    if (change === 'closed' ? told.has(channel) : told.has(channel) || accepts(route, message))
      return [{ channel, message }];
    return [];
  });
}

function messageOf(
  incident: NotifiedIncident,
  change: NotifiedEvent['change'],
  language: Language,
  at: number,
  grafanaUrl: string | undefined,
): Message {
  const { id, rule, severity, tags, opened } = incident;
  const texts = TEXTS[language];
  return {
    id: `${id}-${change}-${at}`,
    incident: id,
    state: change === 'closed' ? 'closed' : 'open',
    severity,
    language,
    rule,
    title: texts.title(nameOf(rule, language), subjectOf(tags)),
    lines: [
      ...texts.changes[change](incident),
      ...texts.numbers(incident),
      `${texts.account}${[tags['provider'], tags['account']].filter(Boolean).join('/')}`,
      ...(tags['team'] === undefined ? [] : [`${texts.team}${tags['team']}`]),
      `${texts.incident}${id}`,
      `${texts.runbook}${rule.replaceAll('_', '-')}`,
    ],
    links: grafanaUrl === undefined ? [] : linksOf(incident, language, grafanaUrl, at),
    tags,
    start: opened,
  };
}

/** The most specific tag first. */
const SUBJECT_TAGS = ['key', 'user', 'endpoint', 'model', 'team', 'account'];

function subjectOf(tags: Readonly<Record<string, string>>): string {
  const tag = SUBJECT_TAGS.find((name) => tags[name] !== undefined);
  return tag === undefined ? '' : tags[tag]!;
}

const DAY_MS = 86_400_000;

/** Grafana's dashboards for the series, from the day before the incident on. */
function linksOf(
  { rule, tags, opened, closed }: NotifiedIncident,
  language: Language,
  grafanaUrl: string,
  at: number,
): Link[] {
  const base = grafanaUrl.replace(/\/+$/, '');
  const chosen = Object.entries(tags).map(([tag, value]) => [`var-${tag}`, value]);
  const range = { from: String(opened * 1000 - DAY_MS), to: String((closed ?? at) * 1000) };
  const query = new URLSearchParams([...chosen, ...Object.entries(range)] as [string, string][]);
  const texts = TEXTS[language];
  return [
    { label: texts.explore, url: `${base}/d/tokentide-explore?${query.toString()}` },
    { label: `${texts.runbooks}: ${rule.replaceAll('_', '-')}`, url: `${base}/d/tokentide-runbooks` },
  ];
}

interface Texts {
  readonly title: (rule: string, subject: string) => string;
  readonly changes: Readonly<
    Record<NotifiedEvent['change'], (incident: NotifiedIncident) => readonly string[]>
  >;
  readonly numbers: (incident: NotifiedIncident) => readonly string[];
  readonly account: string;
  readonly team: string;
  readonly incident: string;
  readonly runbook: string;
  readonly explore: string;
  readonly runbooks: string;
}

const TEXTS: Readonly<Record<Language, Texts>> = {
  en: {
    title: (rule, subject) => (subject === '' ? rule : `${rule}: ${subject}`),
    changes: {
      opened: () => [],
      escalated: () => ['Larger or longer than when it was reported first.'],
      closed: (incident) => [`Over after ${hours(incident)} h${because(incident, '. Reason: ')}`],
      reopened: () => ['It has returned.'],
    },
    numbers: ({ text }) => [text],
    account: 'Account: ',
    team: 'Team: ',
    incident: 'Incident: ',
    runbook: 'Runbook: ',
    explore: 'Explore in Grafana',
    runbooks: 'Runbook',
  },
  'zh-CN': {
    title: (rule, subject) => (subject === '' ? rule : `${rule}：${subject}`),
    changes: {
      opened: () => [],
      escalated: () => ['规模或持续时间超过首次通知。'],
      closed: (incident) => [`已结束，持续 ${hours(incident)} 小时${because(incident, '。原因：')}`],
      reopened: () => ['再次出现。'],
    },
    numbers: ({ value, expected, limit, text }) => [
      `数值 ${amount(value)}，通常 ${amount(expected)}，上限 ${amount(limit)}`,
      `详情：${text}`,
    ],
    account: '账号：',
    team: '团队：',
    incident: '事件：',
    runbook: '处置手册：',
    explore: '在 Grafana 中分析',
    runbooks: '处置手册',
  },
};

function hours({ opened, closed = opened }: NotifiedIncident): number {
  return Math.round((closed - opened) / HOUR);
}

function because({ reason }: NotifiedIncident, separator: string): string {
  return reason === undefined ? '' : `${separator}${reason}`;
}

/** `410万`, `0.35` */
function amount(value: number): string {
  return new Intl.NumberFormat('zh-CN', { notation: 'compact', maximumSignificantDigits: 3 }).format(value);
}
