import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { createWorkCalendar, type WorkCalendar, type WorkCalendarOptions } from '../alerts/calendar.ts';
import { DEFAULT_RULES, type RuleName, type Rules } from '../alerts/rules.ts';
import type { Tags } from '../usage/point.ts';
import { parseChannels, type Channels } from './alert-channels.ts';
import { parseCalendar, type CalendarDays } from './alerts-calendar.ts';
import { AlertFields, alertsFileSchema, type RuleFields } from './alerts-schema.ts';
import { describeIssue, diagnosticsOf } from './diagnostics.ts';
import { readTextFile, type Environment } from './environment.ts';
import { ConfigError, type Diagnostic, type FieldDiagnostic } from './errors.ts';
import { expand, type Expansion } from './expand.ts';
import { readMapFile, type MapFile } from './map-file.ts';
import type { Settings } from './settings.ts';

/** Content of `alerts.yaml`, with the defaults. */
export interface AlertSettings {
  /** Nothing is judged while collecting. */
  readonly off: boolean;
  readonly zone: string;
  /** Without a country, the zone decides. */
  readonly calendar: WorkCalendarOptions;
  readonly rules: Rules;
  /** Grafana with tokentide's dashboards. */
  readonly grafanaUrl?: string | undefined;
  /** Accounts with thresholds of their own. */
  readonly accounts: readonly {
    readonly provider: string;
    readonly account: string;
    readonly rules: Rules;
  }[];
  readonly channels: Channels;
}

const FILE_KIND = { name: 'the file of alert rules' };
const NO_FILE: MapFile = { raw: {}, locate: () => ({ line: 1, column: 1 }) };
const ZONE_OF_CHINA = 'Asia/Shanghai';

/** The file in use: the one that is named, else `alerts.yaml` beside the folder of jobs, if it exists. */
export function alertsFileOf({ alerts, jobs }: Pick<Settings, 'alerts' | 'jobs'>): string | undefined {
  if (alerts !== undefined) return alerts;
  const beside = join(dirname(jobs), 'alerts.yaml');
  return existsSync(beside) ? beside : undefined;
}

/** Reads and validates the file; the defaults without one. @throws ConfigError with all errors */
export function readAlerts(file: string | undefined, env: Environment): AlertSettings {
  const read = file === undefined ? NO_FILE : readMapFile(file, FILE_KIND);
  if ('issue' in read) throw new ConfigError([read.issue]);
  const { raw, locate } = read;
  const folder = dirname(file ?? '');
  const schema = alertsFileSchema();
  const prefix = 'tokentide';
  const { channels: given, ...others } = raw;
  const { diagnostics: ofChannels, ...channels } = parseChannels(given, { env, folder });
  const expansion = expand(others, schema, { env, folder, prefix });
  const fields = AlertFields.safeParse(expansion.value, { error: describeIssue });
  const days = readDays(expansion.value, folder);
  const diagnostics = [
    ...diagnosticsOf(fields.error?.issues ?? [], { schema, raw, prefix, at: [] }).filter(
      ({ path }) => !isUnknown(path, expansion),
    ),
    ...expansion.diagnostics,
    ...notSet(expansion),
    ...(fields.data ? duplicates(fields.data) : []),
    ...('diagnostics' in days ? days.diagnostics : []),
    ...ofChannels,
  ];
  if (diagnostics.length > 0 || !fields.data || 'diagnostics' in days) {
    throw new ConfigError(
      diagnostics
        .map(({ path, message, hint }) => ({ file, ...locate(path), message, hint }))
        .toSorted((a, b) => a.line - b.line || a.column - b.column),
    );
  }
  return { ...resolve(fields.data, days), channels };
}

/** The errors of the file in use. */
export function alertsIssues(
  settings: Pick<Settings, 'alerts' | 'jobs'>,
  env: Environment,
): readonly Diagnostic[] {
  try {
    readAlerts(alertsFileOf(settings), env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.issues;
    throw error;
  }
}

/** The calendar of rest days, for the zone of the file or another one. */
export function workCalendarOf({ calendar, zone }: AlertSettings, otherZone = zone): WorkCalendar {
  const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: otherZone }).resolvedOptions();
  return createWorkCalendar({ country: timeZone === ZONE_OF_CHINA ? 'cn' : 'none', ...calendar });
}

/** The thresholds of one account. */
export function rulesFor({ accounts, rules }: AlertSettings, { provider, account }: Tags): Rules {
  const own = accounts.find((each) => each.provider === provider && each.account === account);
  return own?.rules ?? rules;
}

function resolve(fields: AlertFields, days: CalendarDays): Omit<AlertSettings, 'channels'> {
  const { off, zone, calendar, rules, accounts, grafana_url: grafanaUrl } = fields;
  const common = merge(DEFAULT_RULES, rules);
  return {
    off,
    zone,
    calendar: {
      ...(calendar.country !== undefined && { country: calendar.country }),
      holidays: [...days.holidays, ...calendar.holidays],
      workdays: [...days.workdays, ...calendar.workdays],
    },
    rules: common,
    ...(grafanaUrl !== undefined && { grafanaUrl }),
    accounts: accounts.map((each) => ({ ...each, rules: merge(common, each.rules) })),
  };
}

function merge(rules: Rules, changes: RuleFields): Rules {
  const names = Object.keys(rules) as RuleName[];
  return Object.fromEntries(
    names.map((name) => [name, { ...rules[name], ...changes[name] }]),
  ) as unknown as Rules;
}

function duplicates({ accounts }: AlertFields): FieldDiagnostic[] {
  return accounts.flatMap(({ provider, account }, index) => {
    const first = accounts.findIndex((each) => each.provider === provider && each.account === account);
    if (first === index) return [];
    const message = `accounts.${index}: the thresholds of ${provider}, account ${account}, are already set by accounts.${first}`;
    return [{ path: ['accounts', index, 'provider'], message, hint: 'merge the two entries' }];
  });
}

function readDays(
  value: unknown,
  folder: string,
): CalendarDays | { readonly diagnostics: FieldDiagnostic[] } {
  const { calendar } = value as { calendar?: { file?: unknown } };
  const file = calendar?.file;
  if (typeof file !== 'string' || file === '') return { holidays: [], workdays: [] };
  const at = (message: string, hint?: string): FieldDiagnostic => ({
    path: ['calendar', 'file'],
    message: `calendar.file: ${message}`,
    hint,
  });
  const read = readTextFile(isAbsolute(file) ? file : join(folder, file));
  if ('problem' in read) {
    const message = `${file} cannot be read (${read.problem})`;
    return { diagnostics: [at(message, 'the path is relative to this file')] };
  }
  try {
    return parseCalendar(read.text, file);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { diagnostics: error.message.split('\n').map((fault) => at(fault)) };
  }
}

/** A value with an unset variable cannot be validated. */
function isUnknown(path: readonly PropertyKey[], { missing }: Expansion): boolean {
  return missing.some((variable) => variable.path.every((key, index) => path[index] === key));
}

function notSet({ missing }: Expansion): FieldDiagnostic[] {
  return missing.map(({ name, path }) => ({
    path,
    message: `${path.join('.')}: ${name} is not set`,
    hint: `set ${name} in the environment or in .env, or write the value`,
  }));
}
