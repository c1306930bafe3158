import { join } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import { ConfigError } from '../../config/errors.ts';
import { readSettings, type Settings } from '../../config/settings.ts';
import { inOptions } from './option-names.ts';

/** Where the demo writes; without `influx` into the embedded store. */
export interface DemoArguments {
  /** URL of an InfluxDB. */
  readonly influx?: string;
  readonly token?: string;
  readonly org?: string;
  readonly bucket?: string;
  readonly database?: string;
  /** Remove what a demo has written to the InfluxDB. */
  readonly remove?: true;
}

const OF_BUCKET = ['INFLUX_TOKEN', 'INFLUX_TOKEN_FILE', 'INFLUX_ORG', 'INFLUX_BUCKET'];
const OF_DATABASE = [
  'INFLUX_DATABASE',
  'INFLUX_RETENTION_POLICY',
  'INFLUX_USERNAME',
  'INFLUX_PASSWORD',
  'INFLUX_PASSWORD_FILE',
];

/**
 * Those of the environment, with a data folder of the demo's own. The environment chooses the store only where the
 * command line names an InfluxDB. @throws ConfigError
 */
export function demoSettings(env: Environment, args: DemoArguments): Settings {
  const plain = Object.entries(env).filter(
    ([name]) => !name.startsWith('INFLUX_') && name !== 'TOKENTIDE_STORE',
  );
  const variables = { ...Object.fromEntries(plain), ...influxVariables(env, args) };
  try {
    const { listen = { host: '127.0.0.1', port: 0 }, ...settings } = readSettings(variables);
    return { ...settings, listen, data: join(settings.data, 'demo') };
  } catch (error) {
    throw inOptions(error);
  }
}

/** The variables of the store: the options, then those of the environment that can be combined with them. */
function influxVariables(env: Environment, { remove, influx, ...options }: DemoArguments): Environment {
  const { token, org, bucket, database } = options;
  const given = Object.keys(options).map((name) => `--${name}`);
  if (remove) given.push('--remove');
  if (influx === undefined) {
    if (given.length === 0) return {};
    const hint = 'add --influx http://localhost:8086';
    throw new ConfigError([{ message: `${given.join(', ')} needs --influx`, hint }]);
  }
  const names = [
    ...(database === undefined ? OF_BUCKET : []),
    ...(token === undefined && org === undefined && bucket === undefined ? OF_DATABASE : []),
  ];
  return {
    ...Object.fromEntries(names.map((name) => [name, env[name]])),
    ...(token !== undefined && { INFLUX_TOKEN: token }),
    ...(org !== undefined && { INFLUX_ORG: org }),
    ...(bucket !== undefined && { INFLUX_BUCKET: bucket }),
    ...(database !== undefined && { INFLUX_DATABASE: database }),
    // Always detected: with INFLUX_VERSION a server that does not answer would be no error.
    INFLUX_HOST: influx,
  };
}
