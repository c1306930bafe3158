import { groupByAccount } from '../alerts/accounts.ts';
import { HISTORY, loadSeries } from '../alerts/load.ts';
import { replay } from '../alerts/replay.ts';
import type { HourlySeries } from '../alerts/types.ts';
import {
  alertsFileOf,
  readAlerts,
  rulesFor,
  workCalendarOf,
  type AlertSettings,
} from '../config/alerts-file.ts';
import { ConfigError } from '../config/errors.ts';
import { openStore } from '../runtime.ts';
import { bucketStart, isZone, wallTime } from '../windows/calendar.ts';
import type { Window } from '../windows/window.ts';
import { formatReplay } from './alerts-report.ts';
import type { CommandContext } from './context.ts';
import { EXIT, formatCount, formatJson } from './output.ts';
import { parseTime } from './time.ts';

const CLEAR_LINE = '\r\u001b[K';

export interface ReplayArguments {
  readonly from: string;
  readonly to?: string;
  readonly rules?: string;
  readonly zone?: string;
  readonly json: boolean;
}

/** `tokentide alerts replay`: what the rules say of stored usage, hour by hour. Sends and writes nothing. */
export async function alertsReplayCommand(context: CommandContext, args: ReplayArguments): Promise<number> {
  const { settings, env, now, signal, out, err } = context;
  const alerts = readAlerts(args.rules ?? alertsFileOf(settings), env);
  const zone = zoneOf(args, alerts);
  const range = rangeOf(args, zone, now());
  const calendar = workCalendarOf(alerts, zone);
  const series = await readSeries(context, range, zone);
  const entries = groupByAccount(series)
    .flatMap((each) => {
      signal.throwIfAborted();
      const rules = rulesFor(alerts, each[0]!.tags);
      return replay({ series: each, from: range.start, to: range.end, zone, rules, calendar });
    })
    .toSorted((a, b) => a.fired_at - b.fired_at);
  showProgress(context, '');
  out(args.json ? formatJson(entries) : formatReplay(entries, series, range, zone));
  if (series.length === 0) err('the store has no hourly usage in this range\n');
  const unknown = yearsOf(range, zone).filter((year) => !calendar.knowsYear(year));
  if (unknown.length > 0) {
    err(
      `the calendar has no table of ${unknown.join(', ')}: rest days are Saturdays, Sundays and those of the rules\n`,
    );
  }
  return EXIT.success;
}

async function readSeries(
  context: CommandContext,
  { start, end }: Window,
  zone: string,
): Promise<HourlySeries[]> {
  const { settings, now, signal } = context;
  const onProgress = (share: number): void => showProgress(context, `reading: ${Math.floor(100 * share)} %`);
  const store = await openStore({ settings, now });
  try {
    const series = await loadSeries(store, { from: start, to: end, zone }, { signal, onProgress });
    showProgress(context, `judging: ${formatCount(series.length)} series`);
    return series;
  } finally {
    await store.close();
  }
}

/** On a terminal, in one line. */
function showProgress({ interactive, err }: CommandContext, line: string): void {
  if (interactive) err(`${CLEAR_LINE}${line}`);
}

/** @throws ConfigError */
function zoneOf({ zone }: ReplayArguments, alerts: AlertSettings): string {
  if (zone === undefined) return alerts.zone;
  if (isZone(zone)) return zone;
  throw new ConfigError([
    { message: `--zone: "${zone}" is not a time zone`, hint: 'write its name, such as UTC or Asia/Shanghai' },
  ]);
}

/** Whole hours: an hour that has not ended is not judged. @throws ConfigError */
function rangeOf({ from, to }: ReplayArguments, zone: string, now: number): Window {
  const end = to === undefined ? Math.floor(now / 1000) : parseTime(to, '--to', zone, now);
  const range = {
    start: bucketStart(parseTime(from, '--from', zone, now), '1h', zone),
    end: bucketStart(end, '1h', zone),
  };
  if (range.start < range.end) return range;
  throw new ConfigError([
    { message: 'no complete hour between --from and --to', hint: 'write an earlier --from or a later --to' },
  ]);
}

function yearsOf({ start, end }: Window, zone: string): number[] {
  const yearAt = (time: number): number => Number(wallTime(time, zone).slice(0, 4));
  const first = yearAt(start - HISTORY);
  return Array.from({ length: yearAt(end - 1) - first + 1 }, (_, index) => first + index);
}
