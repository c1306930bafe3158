import { join } from 'node:path';
import type { Daemon } from '../../daemon.ts';
import type { Anomalies } from '../../simulator/anomalies.ts';
import type { SumRow } from '../../store/store.ts';
import { tokensOf } from '../../usage/aggregate.ts';
import type { Tag } from '../../usage/point.ts';
import { wallTime } from '../../windows/calendar.ts';
import { DAY, HOUR } from '../../windows/units.ts';
import { formatCount, formatTable, formatWindow } from '../output.ts';
import { ACCOUNT, DAYS } from './jobs.ts';

const ZONE = 'Asia/Shanghai';

export interface Demo {
  readonly folder: string;
  /** Start of the demo, Unix seconds. */
  readonly now: number;
  /** Seconds that collecting took. */
  readonly took: string;
  /** Where the points go to an InfluxDB. */
  readonly influx?: { readonly anomalies: Anomalies; readonly removal: string } | undefined;
}

/** What the demo prints once everything has been collected. */
export async function summary({ runtime, url }: Daemon, demo: Demo): Promise<string> {
  const { folder, now, took, influx } = demo;
  const range = { start: now - (DAYS + 1) * DAY, end: now + DAY, where: { account: ACCOUNT } };
  const sums = (by: Tag[]): Promise<SumRow[]> => runtime.store.sums({ ...range, by });
  const [{ start } = { start: range.start }] = runtime.ledger.checkpoints.of('trae');
  return [
    `Tokens by provider, ${wallTime(start, ZONE).slice(0, 10)} until now (${ZONE}):\n`,
    table(await sums(['provider']), ['provider']),
    '\nTokens by model:\n',
    table(await sums(['provider', 'model']), ['provider', 'model']),
    ...(influx
      ? ['\nPlanted, for a look at Grafana over the last 30 days:\n', planted(influx.anomalies)]
      : []),
    `\nCollected in ${took} s; polling every minute until Ctrl-C. See:\n`,
    `  ${url}/metrics      the collector's own metrics; /healthz, /readyz\n`,
    ...(influx ? [] : [`  ${join(folder, 'usage.sqlite')}    the stored points\n`]),
    `  ${join(folder, 'jobs')}    the jobs that run\n`,
    ...(influx ? [`\n${influx.removal}\n`] : commandLines(folder)),
    '\n',
  ].join('');
}

function commandLines(folder: string): string[] {
  return [
    '\nCommands to try in another terminal:\n',
    ...['status', 'reconcile', 'collect --json', 'gaps'].map(
      (command) =>
        `  npm run --silent tokentide -- --data ${folder} --jobs ${join(folder, 'jobs')} --env-file ${join(folder, '.env')} ${command}\n`,
    ),
  ];
}

function planted({ spikes, gap, late }: Anomalies): string {
  const rows = [
    ...spikes.map(({ vendor, series, window }) => [
      'spike',
      vendor,
      series.user ?? series.key ?? '',
      `${formatWindow(window, ZONE)}: a runaway loop`,
    ]),
    ['gap', gap.vendor, gap.key, `${formatWindow(gap.window, ZONE)}: refused at each try, which is logged`],
    [
      'late data',
      late.vendor,
      late.endpoint,
      `counted ${late.delay / HOUR} to ${late.convergence / HOUR} hours after the request`,
    ],
  ];
  const columns = ['what', 'provider', 'of', 'when'].map((title) => ({ title }));
  return formatTable(columns, rows);
}

function table(rows: readonly SumRow[], tags: readonly Tag[]): string {
  return formatTable(
    [
      ...tags.map((title) => ({ title })),
      { title: 'input', align: 'right' as const },
      { title: 'output', align: 'right' as const },
      { title: 'all', align: 'right' as const },
    ],
    rows
      .toSorted((a, b) => (tokensOf(b.fields) > tokensOf(a.fields) ? 1 : -1))
      .map(({ tags: values, fields }) => [
        ...tags.map((tag) => values[tag] ?? ''),
        formatCount(fields.input_tokens ?? 0),
        formatCount(fields.output_tokens ?? 0),
        formatCount(tokensOf(fields)),
      ]),
  );
}
