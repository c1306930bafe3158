const LABELS = {
  alertname: 'Spike of an API key',
  grafana_folder: 'tokentide',
  severity: 'page',
  provider: 'ucloud',
  account: 'main',
  key: 'ak-7f',
};

/** An alert as Grafana's webhook sends it. */
export function grafanaAlert(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    status: 'firing',
    labels: LABELS,
    annotations: {
      summary: 'Spike of an API key: ak-7f',
      description: '4.1M tokens in an hour; limit 900k.\nLook first: who is it?',
      runbook_url: 'https://grafana.example.com/d/tokentide-runbooks?viewPanel=2',
    },
    startsAt: '2026-11-24T06:00:00Z',
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'https://grafana.example.com/alerting/grafana/tt-spike-key/view',
    fingerprint: 'c6eadffa33fcdf37',
    silenceURL: 'https://grafana.example.com/alerting/silence/new',
    dashboardURL: 'https://grafana.example.com/d/tokentide-members',
    panelURL: 'https://grafana.example.com/d/tokentide-members?viewPanel=3',
    values: { NOW: 4_100_000, LIMIT: 900_000 },
    valueString: '[ var=NOW value=4.1e+06 ]',
    ...changes,
  };
}

/** The body of Grafana's webhook. */
export function grafanaWebhook(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    receiver: 'relay',
    status: 'firing',
    orgId: 1,
    alerts: [grafanaAlert()],
    groupLabels: { alertname: 'Spike of an API key' },
    commonLabels: LABELS,
    commonAnnotations: {},
    externalURL: 'https://grafana.example.com/',
    version: '1',
    groupKey: '{}:{alertname="Spike of an API key"}',
    truncatedAlerts: 0,
    title: '[FIRING:1] Spike of an API key',
    state: 'alerting',
    message: '**Firing**',
    ...changes,
  };
}
