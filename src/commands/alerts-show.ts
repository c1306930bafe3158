import { alertsFileOf, readAlerts } from '../config/alerts-file.ts';
import type { IncidentRow } from '../ledger/incidents.ts';
import { openReadableLedger } from '../ledger/ledger.ts';
import { openLedgerFile, openStore } from '../runtime.ts';
import { displayText } from '../lib/display-text.ts';
import type { Store } from '../store/store.ts';
import { ALERT } from '../usage/catalogue.ts';
import type { Count } from '../usage/count.ts';
import type { Fields, Tag, Tags } from '../usage/point.ts';
import { wallTime } from '../windows/calendar.ts';
import { HOUR } from '../windows/units.ts';
import { incidentNamed } from './alerts-incident.ts';
import { stateOf } from './alerts-list.ts';
import type { CommandContext } from './context.ts';
import { EXIT, formatCount, formatJson, formatTable } from './output.ts';

export interface ShowArguments {
  readonly id: string;
  readonly json: boolean;
}

/** Hours before and after an incident that are shown with it. */
const AROUND = 3 * HOUR;

/** What the store holds of one hour: the usage of the series, and the verdict if there was one. */
interface Evidence {
  readonly time: number;
  readonly tokens?: Count;
  readonly requests?: Count;
  readonly expected?: Count;
  readonly limit?: Count;
}

/** `tokentide alerts show`: one incident, with its hours from the store. */
export async function alertsShowCommand(
  context: CommandContext,
  { id, json }: ShowArguments,
): Promise<number> {
  const { settings, env, now, out } = context;
  const { zone } = readAlerts(alertsFileOf(settings), env);
  const ledger = openLedgerFile(settings, openReadableLedger);
  try {
    const incident = incidentNamed(ledger, id);
    const store = await openStore({ settings, now });
    try {
      const hours = await evidenceOf(store, incident, zone);
      out(json ? formatJson({ ...incident, hours }) : formatIncident(incident, hours, zone));
    } finally {
      await store.close();
    }
    return EXIT.success;
  } finally {
    ledger.close();
  }
}

async function evidenceOf(
  store: Store,
  { tags, rule, opened, last }: IncidentRow,
  zone: string,
): Promise<Evidence[]> {
  const range = { start: opened - AROUND, end: last + AROUND };
  const filters = Object.entries(seriesOf(tags)).map(([tag, value]) => ({
    tag: tag as Tag,
    values: [value],
  }));
  const [usage] = await store.series({
    ...range,
    step: 'hour',
    zone,
    by: [],
    filters: [...filters, { tag: 'bucket', values: ['1h'] }],
  });
  const verdicts = await store.points({
    ...range,
    measurement: ALERT.name,
    where: { ...seriesOf(tags), rule },
  });
  const used = new Map(usage?.steps.map(({ time, fields }): [number, Fields] => [time, fields]));
  const judged = new Map(
    verdicts
      .filter(({ fields }) => fields.state !== 0)
      .map(({ time, fields }): [number, Fields] => [time, fields]),
  );
  return [...new Set([...used.keys(), ...judged.keys()])]
    .toSorted((a, b) => a - b)
    .map((time) => {
      const { tokens, requests } = used.get(time) ?? {};
      const { expected, limit } = judged.get(time) ?? {};
      return {
        time,
        ...(tokens !== undefined && { tokens }),
        ...(requests !== undefined && { requests }),
        ...(expected !== undefined && { expected }),
        ...(limit !== undefined && { limit }),
      };
    });
}

/** A user's team may have changed since. */
function seriesOf({ team, ...others }: Tags): Tags {
  return others.user === undefined && team !== undefined ? { ...others, team } : others;
}

function formatIncident(incident: IncidentRow, hours: readonly Evidence[], zone: string): string {
  const { id, rule, severity, text, opened, last, related, label } = incident;
  const lines = [
    `${id}: ${rule}, ${severity}, ${stateOf(incident)}`,
    text,
    `${wallTime(opened, zone)} to ${wallTime(last, zone)} ${zone}`,
    ...(label ? [`labelled as ${label.as} ${wallTime(label.at, zone)}`] : []),
    ...related.map((tags) => `also in this incident: ${describe(tags)}`),
  ];
  const cell = (count: Count | undefined): string => (count === undefined ? '-' : formatCount(count));
  const table = formatTable(
    [
      { title: 'hour' },
      ...['tokens', 'requests', 'expected', 'limit'].map((title) => ({ title, align: 'right' as const })),
    ],
    hours.map(({ time, tokens, requests, expected, limit }) => [
      wallTime(time, zone),
      cell(tokens),
      cell(requests),
      cell(expected),
      cell(limit),
    ]),
  );
  return `${lines.map(displayText).join('\n')}\n\n${table}`;
}

/** `key k1` */
function describe({ provider, account, ...others }: Tags): string {
  const names = Object.entries(others).map(([tag, value]) => `${tag} ${value}`);
  return names.length > 0 ? names.join(', ') : `account ${provider}/${account}`;
}
