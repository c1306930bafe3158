import { z } from 'zod';
import { linesOf, type Language, type Link, type Message } from './message.ts';

/**
 * What a webhook contact point of Grafana sends:
 * https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
 */
const Texts = z.record(z.string(), z.string());
const Optional = z.string().optional();

const Alert = z.object({
  status: z.enum(['firing', 'resolved']),
  labels: Texts,
  annotations: Texts.default({}),
  startsAt: z.iso.datetime({ offset: true }),
  fingerprint: Optional,
  generatorURL: Optional,
  dashboardURL: Optional,
  panelURL: Optional,
});
type Alert = z.infer<typeof Alert>;

const Payload = z.object({
  status: z.enum(['firing', 'resolved']),
  alerts: z.array(Alert).min(1),
  groupKey: Optional,
  commonLabels: Texts.default({}),
  externalURL: Optional,
  truncatedAlerts: z.number().default(0),
});

const MOST_ALERTS = 10;
/** Problems that an answer names. */
const MOST_PROBLEMS = 5;
const NOT_A_LABEL = new Set(['alertname', 'severity', 'grafana_folder']);
/** What a label of Prometheus may be; `__` begins those of Grafana itself. */
const LABEL = /^(?!__)[a-zA-Z_]\w*$/;

export type GrafanaMessage = { readonly message: Message } | { readonly problem: string };

/** Grafana's webhook as a message; its texts are in the language of its rules. @param id of the message */
export function grafanaMessage(payload: unknown, id: string, language: Language): GrafanaMessage {
  const parsed = Payload.safeParse(payload);
  if (!parsed.success) return { problem: problemOf(parsed.error.issues) };
  const { status, alerts, groupKey, commonLabels, externalURL, truncatedAlerts } = parsed.data;
  const [first] = alerts as [Alert, ...Alert[]];
  const rule = commonLabels['alertname'] ?? first.labels['alertname'] ?? 'grafana';
  const total = alerts.length + truncatedAlerts;
  const listed = alerts.slice(0, MOST_ALERTS);
  const message: Message = {
    id,
    incident: groupKey ?? first.fingerprint ?? id,
    state: status === 'firing' ? 'open' : 'closed',
    severity: severityOf(alerts),
    language,
    rule,
    title: total === 1 ? titleOf(first) : `${rule} (${total})`,
    lines: [
      ...listed.flatMap((alert) => textsOf(alert, total > 1, language)),
      ...(total > listed.length ? [MORE[language](total - listed.length)] : []),
    ],
    links: linksOf(first, externalURL),
    tags: Object.fromEntries(
      Object.entries(commonLabels).filter(([name]) => LABEL.test(name) && !NOT_A_LABEL.has(name)),
    ),
    start: Math.min(...alerts.map(({ startsAt }) => Math.floor(Date.parse(startsAt) / 1000))),
  };
  return { message: { ...message, lines: linesOf(message) } };
}

const RESOLVED: Readonly<Record<Language, string>> = { en: 'resolved: ', 'zh-CN': '已恢复：' };
const MORE: Readonly<Record<Language, (count: number) => string>> = {
  en: (count) => `and ${count} more`,
  'zh-CN': (count) => `另有 ${count} 个`,
};

/** An alert without the label is one that somebody has to look at. */
function severityOf(alerts: readonly Alert[]): Message['severity'] {
  const isNotice = ({ labels }: Alert): boolean => /^(notice|info|warning)$/i.test(labels['severity'] ?? '');
  return alerts.every(isNotice) ? 'notice' : 'page';
}

function titleOf({ labels, annotations }: Alert): string {
  return annotations['summary'] ?? labels['alertname'] ?? 'grafana';
}

/** One line per alert of a group; of a single one, the description. */
function textsOf(alert: Alert, inGroup: boolean, language: Language): string[] {
  const { annotations, labels, status } = alert;
  const description = annotations['description'] ?? annotations['message'];
  if (!inGroup) return (description ?? labelText(labels)).split('\n');
  const state = status === 'resolved' ? RESOLVED[language] : '';
  return [`${state}${annotations['summary'] ?? description ?? labelText(labels)}`];
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .filter(([name]) => !name.startsWith('__') && !NOT_A_LABEL.has(name))
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

function linksOf(
  { annotations, panelURL, dashboardURL, generatorURL }: Alert,
  externalURL: string | undefined,
): Link[] {
  const dashboard = [panelURL, dashboardURL, generatorURL, externalURL].find(Boolean);
  const runbook = annotations['runbook_url'];
  return [
    ...(dashboard ? [{ label: 'Grafana', url: dashboard }] : []),
    ...(runbook ? [{ label: 'Runbook', url: runbook }] : []),
  ];
}

/** Names what is wrong without repeating what was sent. */
function problemOf(issues: readonly z.core.$ZodIssue[]): string {
  const texts = issues.slice(0, MOST_PROBLEMS).map(({ path, message }) => {
    const at = path.map(String).join('.');
    return at === '' ? message : `${at}: ${message}`;
  });
  return texts.join('; ');
}
