import { join } from 'node:path';
import type { Daemon } from '../../daemon.ts';
import type { SumRow } from '../../store/store.ts';
import { tokensOf } from '../../usage/aggregate.ts';
import type { Tag } from '../../usage/point.ts';
import { wallTime } from '../../windows/calendar.ts';
import { DAY } from '../../windows/units.ts';
import { formatCount, formatTable } from '../output.ts';
import { DAYS } from './jobs.ts';

/** What the demo prints once everything has been collected. */
export async function summary(
  { runtime, url }: Daemon,
  folder: string,
  now: number,
  took: string,
): Promise<string> {
  const { store } = runtime;
  const range = { start: now - (DAYS + 1) * DAY, end: now + DAY };
  const sums = (by: Tag[]): Promise<SumRow[]> => store.sums({ ...range, by });
  const [{ start } = { start: range.start }] = runtime.ledger.checkpoints.of('trae');
  return [
    `Tokens by provider, ${wallTime(start, 'Asia/Shanghai').slice(0, 10)} until now (Asia/Shanghai):\n`,
    table(await sums(['provider']), ['provider']),
    '\nTokens by model:\n',
    table(await sums(['provider', 'model']), ['provider', 'model']),
    `\nCollected in ${took} s; polling every minute until Ctrl-C. See:\n`,
    `  ${url}/metrics      the collector's own metrics; /healthz, /readyz\n`,
    `  ${join(folder, 'usage.sqlite')}    the stored points\n`,
    `  ${join(folder, 'jobs')}    the jobs that run\n`,
    '\nCommands to try in another terminal:\n',
    ...['status', 'reconcile', 'collect --json', 'gaps'].map(
      (command) =>
        `  npm run --silent tokentide -- --data ${folder} --jobs ${join(folder, 'jobs')} --env-file ${join(folder, '.env')} ${command}\n`,
    ),
    '\n',
  ].join('');
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
