import { displayText } from '../../lib/display-text.ts';
import { redact } from '../../lib/redact.ts';
import type { Secret } from '../../lib/secret.ts';
import { StoreError } from '../store.ts';
import type { InfluxTarget, InfluxVersion } from './options.ts';

/** Address and credentials of a server. */
export interface Access {
  /** Without a trailing slash. */
  readonly url: string;
  readonly description: string;
  /** The headers of authentication. Called per request; the result must not be kept. */
  readonly authorize: () => Record<string, string>;
  /** Text of the server for display: one short line without credentials. */
  readonly redact: (text: string) => string;
}

/** A database of a server whose version is known. */
export interface Connection extends Access {
  readonly version: InfluxVersion;
  readonly identity: string;
  /** Path and query string of a write in seconds. */
  readonly writePath: string;
  /** The parameters of a query that select the database. */
  readonly queryParameters: Readonly<Record<string, string>>;
}

type Setting = Exclude<keyof InfluxTarget, 'url' | 'version'>;

const VARIABLES: Readonly<Record<Setting, string>> = {
  org: 'INFLUX_ORG',
  bucket: 'INFLUX_BUCKET',
  token: 'INFLUX_TOKEN',
  database: 'INFLUX_DATABASE',
  retentionPolicy: 'INFLUX_RETENTION_POLICY',
  username: 'INFLUX_USERNAME',
  password: 'INFLUX_PASSWORD',
};
const SETTINGS = Object.keys(VARIABLES) as Setting[];

interface Dialect {
  readonly title: string;
  readonly needs: readonly Setting[];
  readonly takes: readonly Setting[];
}

const DIALECTS: Readonly<Record<InfluxVersion, Dialect>> = {
  '1': {
    title: 'InfluxDB 1.x',
    needs: ['database'],
    takes: ['database', 'retentionPolicy', 'username', 'password'],
  },
  '2': { title: 'InfluxDB 2.x', needs: ['org', 'bucket', 'token'], takes: ['org', 'bucket', 'token'] },
  // 3.x ignores the organisation; the bucket is its database.
  '3': { title: 'InfluxDB 3.x', needs: ['bucket'], takes: ['org', 'bucket', 'token'] },
  victoriametrics: { title: 'VictoriaMetrics', needs: [], takes: ['username', 'password'] },
};

/** @throws StoreError of kind `config` for an invalid address */
export function accessTo(target: InfluxTarget): Access {
  checkUrl(target.url);
  const url = target.url.replace(/\/+$/, '');
  return {
    url,
    description: `the server at ${url}`,
    authorize: () => authorizationOf(target),
    redact: (text) => shown(text, target),
  };
}

/** @throws StoreError of kind `config` if the settings do not fit the version */
export function createConnection(target: InfluxTarget, version: InfluxVersion): Connection {
  const access = accessTo(target);
  checkSettings(target, version);
  const place = placeOf(target, version);
  return {
    ...access,
    version,
    description: `${titleOf(version)} at ${access.url}${place.text}`,
    identity: [version === 'victoriametrics' ? version : 'influxdb', access.url, ...place.path]
      .filter(Boolean)
      .join(' '),
    writePath: writePathOf(target, version),
    queryParameters: queryParametersOf(target, version),
  };
}

export function titleOf(version: InfluxVersion): string {
  return DIALECTS[version].title;
}

function checkUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol)) {
    throw new StoreError('config', 'INFLUX_HOST is not an http or https URL', {
      hint: 'for example INFLUX_HOST=http://localhost:8086',
    });
  }
  if (parsed.username || parsed.password || parsed.search || parsed.hash) {
    throw new StoreError('config', 'INFLUX_HOST must have only host, port and path', {
      hint: 'move user, password and parameters to their own variables',
    });
  }
}

function checkSettings(target: InfluxTarget, version: InfluxVersion): void {
  const { title, needs, takes } = DIALECTS[version];
  const names = (settings: readonly Setting[]): string =>
    settings.map((setting) => VARIABLES[setting]).join(', ');
  const hint = takes.length === 0 ? `unset them` : `${title} uses ${names(takes)}; unset the others`;
  const foreign = SETTINGS.filter((setting) => target[setting] !== undefined && !takes.includes(setting));
  if (foreign.length > 0) throw new StoreError('config', `${title} does not use ${names(foreign)}`, { hint });
  const lacking = needs.filter((setting) => target[setting] === undefined);
  if (lacking.length > 0)
    throw new StoreError('config', `${title} needs ${names(lacking)}`, {
      hint: `set ${names(lacking)}`,
    });
  if ((target.username === undefined) !== (target.password === undefined))
    throw new StoreError('config', 'INFLUX_USERNAME and INFLUX_PASSWORD must both be set', {
      hint: 'set the other one',
    });
}

function placeOf(target: InfluxTarget, version: InfluxVersion): { text: string; path: string[] } {
  const { org = '', bucket = '', database = '', retentionPolicy } = target;
  if (version === '1') {
    const policy = retentionPolicy === undefined ? '' : `, retention policy ${retentionPolicy}`;
    return { text: `, database ${database}${policy}`, path: [database, retentionPolicy ?? ''] };
  }
  if (version === '2') return { text: `, organisation ${org}, bucket ${bucket}`, path: [org, bucket] };
  if (version === '3') return { text: `, database ${bucket}`, path: [bucket] };
  return { text: '', path: [] };
}

function writePathOf(target: InfluxTarget, version: InfluxVersion): string {
  const { org = '', bucket = '', database = '', retentionPolicy } = target;
  const precision = { precision: 's' };
  if (version === '1') {
    const policy = retentionPolicy === undefined ? {} : { rp: retentionPolicy };
    return path('/write', { db: database, ...policy, ...precision });
  }
  if (version === 'victoriametrics') return path('/api/v2/write', precision);
  return path('/api/v2/write', { org, bucket, ...precision });
}

export function path(name: string, parameters: Record<string, string>): string {
  return `${name}?${new URLSearchParams(parameters).toString()}`;
}

/** https://docs.influxdata.com/influxdb/v2/api-guide/influxdb-1x/query/ */
function queryParametersOf(target: InfluxTarget, version: InfluxVersion): Record<string, string> {
  const { org, bucket = '', database = '', retentionPolicy } = target;
  if (version === '1') return { db: database, ...(retentionPolicy !== undefined && { rp: retentionPolicy }) };
  return { db: bucket, ...(org !== undefined && version === '2' && { org }) };
}

function authorizationOf({ token, username, password }: InfluxTarget): Record<string, string> {
  if (token) return { authorization: `Token ${token.reveal()}` };
  if (username === undefined || !password) return {};
  return { authorization: `Basic ${basic(username, password)}` };
}

function basic(username: string, password: Secret): string {
  return Buffer.from(`${username}:${password.reveal()}`).toString('base64');
}

/** Text of the server for display: one short line without credentials. */
function shown(text: string, { token, username, password }: InfluxTarget): string {
  const login = username !== undefined && password ? basic(username, password) : undefined;
  const clean = displayText(redact(text, [token?.reveal(), password?.reveal(), login]));
  return clean.length > 400 ? `${clean.slice(0, 400)}...` : clean;
}
