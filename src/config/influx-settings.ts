import { Secret } from '../lib/secret.ts';
import type { InfluxTarget, InfluxVersion } from '../store/influxdb/options.ts';
import { readVariable, type Environment } from './environment.ts';
import type { Diagnostic } from './errors.ts';

const VERSIONS: readonly InfluxVersion[] = ['1', '2', '3', 'victoriametrics'];
const NEWER = ['INFLUX_ORG', 'INFLUX_BUCKET', 'INFLUX_TOKEN'] as const;
const OLDER = ['INFLUX_DATABASE', 'INFLUX_RETENTION_POLICY', 'INFLUX_USERNAME', 'INFLUX_PASSWORD'] as const;
const NAMES = ['INFLUX_HOST', 'INFLUX_VERSION', ...NEWER, ...OLDER] as const;
type Name = (typeof NAMES)[number];

/** All variables of the InfluxDB store. */
export const INFLUX_VARIABLES: readonly string[] = [...NAMES, 'INFLUX_TOKEN_FILE', 'INFLUX_PASSWORD_FILE'];

/**
 * Where the points go, by the variables that the `influx` command knows, or everything that is wrong with them.
 * What a version needs and takes is the store's to say, which asks the server for it.
 */
export function influxSettings(env: Environment): InfluxTarget | { readonly issues: Diagnostic[] } {
  const issues: Diagnostic[] = [];
  const values: Partial<Record<Name, string>> = {};
  for (const name of NAMES) {
    const { value, problem } = readVariable(env, name);
    if (problem !== undefined) issues.push({ message: `${name}: ${problem}`, hint: 'check the path' });
    if (value !== undefined) values[name] = value;
  }
  const url = parseHost(values.INFLUX_HOST ?? '');
  if (url === undefined) issues.push(wrongHost(values));
  const version = VERSIONS.find((known) => known === values.INFLUX_VERSION);
  if (values.INFLUX_VERSION !== undefined && version === undefined) {
    const hint = 'leave it unset to detect the version';
    issues.push({ message: `INFLUX_VERSION: must be one of ${VERSIONS.join(', ')}`, hint });
  }
  issues.push(...wrongMixture(values));
  if (issues.length > 0 || url === undefined) return { issues };
  return {
    url,
    ...(version && { version }),
    ...(values.INFLUX_ORG && { org: values.INFLUX_ORG }),
    ...(values.INFLUX_BUCKET && { bucket: values.INFLUX_BUCKET }),
    ...(values.INFLUX_TOKEN && { token: new Secret(values.INFLUX_TOKEN) }),
    ...(values.INFLUX_DATABASE && { database: values.INFLUX_DATABASE }),
    ...(values.INFLUX_RETENTION_POLICY && { retentionPolicy: values.INFLUX_RETENTION_POLICY }),
    ...(values.INFLUX_USERNAME && { username: values.INFLUX_USERNAME }),
    ...(values.INFLUX_PASSWORD && { password: new Secret(values.INFLUX_PASSWORD) }),
  };
}

/** Addresses with credentials are refused: the address appears in messages and logs. */
function parseHost(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url && !url.username && !url.password && !url.search && !url.hash;
  return plain && /^https?:$/.test(url.protocol) ? url.href.replace(/\/+$/, '') : undefined;
}

function wrongHost(values: Partial<Record<Name, string>>): Diagnostic {
  if (values.INFLUX_HOST !== undefined) {
    const hint = 'write http://localhost:8086, without user name, password or query';
    return { message: 'INFLUX_HOST: must be an http or https address without credentials', hint };
  }
  const others = NAMES.filter((name) => values[name] !== undefined);
  return {
    message: `INFLUX_HOST is not set, but ${others.length > 0 ? others.join(', ') : 'TOKENTIDE_STORE=influxdb'} is`,
    hint: 'set INFLUX_HOST=http://localhost:8086, or TOKENTIDE_STORE=sqlite for the embedded store',
  };
}

/** No version uses variables of both groups. */
function wrongMixture(values: Partial<Record<Name, string>>): Diagnostic[] {
  const [newer, older] = [NEWER, OLDER].map((names) => names.filter((name) => values[name] !== undefined));
  if (!newer?.length || !older?.length) return [];
  const message = `${newer.join(', ')} and ${older.join(', ')} cannot be combined`;
  const hint =
    '2.x and 3.x take INFLUX_BUCKET and INFLUX_TOKEN (2.x INFLUX_ORG too), 1.x takes INFLUX_DATABASE, INFLUX_USERNAME and INFLUX_PASSWORD';
  return [{ message, hint }];
}
