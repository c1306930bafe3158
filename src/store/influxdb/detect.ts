import { z } from 'zod';
import { StoreError } from '../store.ts';
import { accessTo, titleOf, type Access } from './connection.ts';
import type { InfluxTarget, InfluxVersion } from './options.ts';
import { request, type HttpOptions, type TextResponse } from './read.ts';
import { Unavailable } from './unavailable.ts';

/**
 * The version that the server reports, compared with `INFLUX_VERSION`.
 * @throws StoreError of kind `config` if they differ or the version is unknown; of kind `unavailable` if the server
 * does not answer and no version is set
 */
export async function detectVersion(target: InfluxTarget, http: HttpOptions): Promise<InfluxVersion> {
  const access = accessTo(target);
  const found = await askVersion(access, http, target.version);
  const version = found ?? target.version;
  if (version === undefined) {
    throw new StoreError(
      'config',
      `${access.description} does not report a version of InfluxDB or VictoriaMetrics`,
      {
        hint: 'check INFLUX_HOST, or set INFLUX_VERSION to 1, 2, 3 or victoriametrics',
      },
    );
  }
  if (target.version !== undefined && version !== target.version) {
    const message = `INFLUX_VERSION is ${target.version}, but ${access.description} is ${titleOf(version)}`;
    throw new StoreError('config', message, {
      hint: `set INFLUX_VERSION=${version} or leave it out, or correct INFLUX_HOST`,
    });
  }
  return version;
}

async function askVersion(
  access: Access,
  http: HttpOptions,
  assumed: InfluxVersion | undefined,
): Promise<InfluxVersion | undefined> {
  try {
    const ping = await request(http, access, '/ping');
    return (
      versionIn(ping) ??
      versionIn(await request(http, access, '/health')) ??
      (await victoriaMetrics(access, http)) ??
      refuseLogin(ping.status, access, assumed)
    );
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    // With INFLUX_VERSION the daemon starts while the server is down.
    if (assumed !== undefined) return assumed;
    throw new StoreError('unavailable', error.message, {
      hint: 'start the server or correct INFLUX_HOST; with INFLUX_VERSION set, tokentide starts without it and keeps the points',
      cause: error,
    });
  }
}

const Said = z.object({ version: z.string() });

function versionIn({ headers, text }: TextResponse): InfluxVersion | undefined {
  const said = headers.get('x-influxdb-version') ?? Said.safeParse(parsed(text)).data?.version ?? '';
  const major = /^v?([123])\./.exec(said)?.[1];
  return major as InfluxVersion | undefined;
}

async function victoriaMetrics(access: Access, http: HttpOptions): Promise<InfluxVersion | undefined> {
  const { text } = await request(http, access, '/metrics');
  return text.includes('vm_app_version{') ? 'victoriametrics' : undefined;
}

/** 1.x and 2.x report their version without a login, so this is InfluxDB 3 or a server behind a proxy. */
function refuseLogin(status: number, access: Access, assumed: InfluxVersion | undefined): undefined {
  if (assumed !== undefined || (status !== 401 && status !== 403)) return;
  const sent = access.authorize()['authorization'] ?? '';
  const [what, hint] = sent.startsWith('Token')
    ? ['InfluxDB 3 refused the token', 'set INFLUX_TOKEN to a token of this server that has not expired']
    : sent
      ? ['it refused the user name or the password', 'check INFLUX_USERNAME and INFLUX_PASSWORD']
      : ['it requires authentication', 'set INFLUX_TOKEN, or INFLUX_USERNAME and INFLUX_PASSWORD'];
  throw new StoreError('config', `${access.description}: ${what}: HTTP ${status}`, { hint });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
