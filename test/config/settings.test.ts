import { inspect } from 'node:util';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withEnvFile, type Environment } from '../../src/config/environment.ts';
import { ConfigError } from '../../src/config/errors.ts';
import { readSettings } from '../../src/config/settings.ts';
import { Secret } from '../../src/lib/secret.ts';
import { folderOf } from './loading.ts';

const HOST = { INFLUX_HOST: 'http://localhost:8086/' };

test('without variables all is local', () => {
  const settings = readSettings({ PATH: '/bin', TOKENTIDE_JOBS: '' });

  expect(settings).toEqual({
    jobs: './jobs',
    data: './data',
    listen: { host: '127.0.0.1', port: 9464 },
    logLevel: 'info',
    store: { kind: 'sqlite' },
    spoolPoints: 1_000_000,
    timeoutMs: 30_000,
  });
});

test('every variable of tokentide is taken', () => {
  const settings = readSettings({
    TOKENTIDE_JOBS: '/etc/tokentide/jobs',
    TOKENTIDE_DATA: '/var/lib/tokentide',
    TOKENTIDE_LISTEN: '[::1]:80',
    TOKENTIDE_LOG_LEVEL: 'debug',
    TOKENTIDE_STORE: 'sqlite',
    TOKENTIDE_SPOOL_POINTS: '5000',
    TOKENTIDE_TIMEOUT: '2m',
    ...HOST,
  });

  expect(settings).toEqual({
    jobs: '/etc/tokentide/jobs',
    data: '/var/lib/tokentide',
    listen: { host: '::1', port: 80 },
    logLevel: 'debug',
    store: { kind: 'sqlite' },
    spoolPoints: 5000,
    timeoutMs: 120_000,
  });
});

test('nothing is served where that is turned off', () => {
  const settings = readSettings({ TOKENTIDE_LISTEN: 'off' });

  expect(settings.listen).toBeUndefined();
});

test.each<[string, Environment, object]>([
  ['an address alone', HOST, { url: 'http://localhost:8086' }],
  [
    'variables of 2.x',
    { ...HOST, INFLUX_ORG: 'o', INFLUX_BUCKET: 'b', INFLUX_TOKEN: 'canary', INFLUX_VERSION: '2' },
    { url: 'http://localhost:8086', version: '2', org: 'o', bucket: 'b', token: expect.any(Secret) },
  ],
  [
    'variables of 1.x',
    {
      INFLUX_HOST: 'https://example.com/influx',
      INFLUX_DATABASE: 'd',
      INFLUX_RETENTION_POLICY: 'r',
      INFLUX_USERNAME: 'u',
      INFLUX_PASSWORD: 'canary',
    },
    {
      url: 'https://example.com/influx',
      database: 'd',
      retentionPolicy: 'r',
      username: 'u',
      password: expect.any(Secret),
    },
  ],
  [
    'VictoriaMetrics',
    { ...HOST, INFLUX_VERSION: 'victoriametrics' },
    { url: 'http://localhost:8086', version: 'victoriametrics' },
  ],
])('%s leads to InfluxDB', (_, env, target) => {
  const { store } = readSettings(env);

  expect(store).toEqual({ kind: 'influxdb', ...target });
  expect(inspect(store) + JSON.stringify(store)).not.toMatch(/canary/);
});

test('a token can come from a file', () => {
  const folder = folderOf({ token: 'canary\n' });

  const { store } = readSettings({ ...HOST, INFLUX_BUCKET: 'b', INFLUX_TOKEN_FILE: join(folder, 'token') });

  expect(store).toMatchObject({ token: expect.any(Secret) });
  expect((store as { token?: Secret }).token?.reveal()).toBe('canary');
});

test('the token of the relay is a secret, and can come from a file', () => {
  const token = 'canary-0123456789';
  const path = join(folderOf({ token: `${token}\n` }), 'token');

  const both = [
    readSettings({ TOKENTIDE_RELAY_TOKEN: token }),
    readSettings({ TOKENTIDE_RELAY_TOKEN_FILE: path }),
  ];

  expect(both.map(({ relayToken }) => relayToken?.reveal())).toEqual([token, token]);
  expect(inspect(both) + JSON.stringify(both)).not.toContain('canary');
});

const MIXTURE_HINT =
  '2.x and 3.x take INFLUX_BUCKET and INFLUX_TOKEN (2.x INFLUX_ORG too), 1.x takes INFLUX_DATABASE, INFLUX_USERNAME and INFLUX_PASSWORD';
const HOST_HINT = 'set INFLUX_HOST=http://localhost:8086, or TOKENTIDE_STORE=sqlite for the embedded store';
const ADDRESS = 'INFLUX_HOST: must be an http or https address without credentials';
const ADDRESS_HINT = 'write http://localhost:8086, without user name, password or query';

test.each<[Environment, string, string?]>([
  [{ TOKENTIDE_LISTEN: '9464' }, 'TOKENTIDE_LISTEN: must be host:port, such as 127.0.0.1:9464, or off'],
  [
    { TOKENTIDE_LISTEN: 'localhost:70000' },
    'TOKENTIDE_LISTEN: must be host:port, such as 127.0.0.1:9464, or off',
  ],
  [
    { TOKENTIDE_LOG_LEVEL: 'loud' },
    'TOKENTIDE_LOG_LEVEL: must be one of trace, debug, info, warn, error, silent',
  ],
  [{ TOKENTIDE_STORE: 'influx' }, 'TOKENTIDE_STORE: must be influxdb or sqlite'],
  [{ TOKENTIDE_SPOOL_POINTS: '1e6' }, 'TOKENTIDE_SPOOL_POINTS: must be a whole number of points, at least 1'],
  [
    { TOKENTIDE_RELAY_TOKEN: 'canary' },
    'TOKENTIDE_RELAY_TOKEN: must have at least 16 characters, all printable ASCII; openssl rand -hex 32 makes one',
  ],
  [
    { TOKENTIDE_RELAY_TOKEN_FILE: '/nowhere/token' },
    'TOKENTIDE_RELAY_TOKEN: the file of TOKENTIDE_RELAY_TOKEN_FILE cannot be read: /nowhere/token (ENOENT)',
    'check the path',
  ],
  [{ TOKENTIDE_TIMEOUT: '30' }, 'TOKENTIDE_TIMEOUT: must be a duration such as 30s or 2m, at most 1h'],
  [{ TOKENTIDE_TIMEOUT: '1d' }, 'TOKENTIDE_TIMEOUT: must be a duration such as 30s or 2m, at most 1h'],
  [
    { TOKENTIDE_LOGLEVEL: 'debug' },
    'TOKENTIDE_LOGLEVEL is not a variable of tokentide',
    'did you mean TOKENTIDE_LOG_LEVEL?',
  ],
  [{ TOKENTIDE_STORE: 'influxdb' }, 'INFLUX_HOST is not set, but TOKENTIDE_STORE=influxdb is', HOST_HINT],
  [
    { INFLUX_BUCKET: 'b', INFLUX_TOKEN: 'canary' },
    'INFLUX_HOST is not set, but INFLUX_BUCKET, INFLUX_TOKEN is',
    HOST_HINT,
  ],
  [{ INFLUX_HOST: 'localhost:8086' }, ADDRESS, ADDRESS_HINT],
  [{ INFLUX_HOST: 'http://me:canary@localhost:8086' }, ADDRESS, ADDRESS_HINT],
  [{ INFLUX_HOST: 'http://localhost:8086?p=canary' }, ADDRESS, ADDRESS_HINT],
  [
    { ...HOST, INFLUX_VERSION: '4' },
    'INFLUX_VERSION: must be one of 1, 2, 3, victoriametrics',
    'leave it unset to detect the version',
  ],
  [
    { ...HOST, INFLUX_BUCKET: 'b', INFLUX_TOKEN: 'canary', INFLUX_DATABASE: 'd' },
    'INFLUX_BUCKET, INFLUX_TOKEN and INFLUX_DATABASE cannot be combined',
    MIXTURE_HINT,
  ],
  [
    { ...HOST, INFLUX_TOKEN_FILE: '/nowhere/token' },
    'INFLUX_TOKEN: the file of INFLUX_TOKEN_FILE cannot be read: /nowhere/token (ENOENT)',
    'check the path',
  ],
])('%o is refused', (env, message, hint) => {
  const error = errorOf(() => readSettings(env));

  expect(error.issues).toEqual([hint === undefined ? { message } : { message, hint }]);
  expect(error.message).not.toMatch(/canary/);
});

test('everything wrong is said at once', () => {
  const error = errorOf(() =>
    readSettings({ TOKENTIDE_LISTEN: 'x', TOKENTIDE_STORE: 'x', INFLUX_HOST: 'x', TOKENTIDE_JOB: 'x' }),
  );

  expect(error.issues.map(({ message }) => message.split(/[: ]/)[0])).toEqual([
    'TOKENTIDE_LISTEN',
    'TOKENTIDE_STORE',
    'TOKENTIDE_JOB',
    'INFLUX_HOST',
  ]);
});

test('variables that other software sets are no business of ours', () => {
  const read = (): unknown =>
    readSettings({ TOKENTIDE_PORT: 'tcp://10.0.0.1:9464', TOKENTIDE_SERVICE_HOST: '10.0.0.1' });

  expect(read).not.toThrow();
});

test('the environment wins over a .env file', () => {
  const folder = folderOf({ '.env': '# mine\nA=file\nB="of file"\n' });

  const env = withEnvFile({ A: 'environment' }, folder);

  expect(env).toEqual({ A: 'environment', B: 'of file' });
});

test('a .env file need not be there, a file that is named must', () => {
  const folder = folderOf({});
  const missing = join(folder, 'my.env');

  expect(withEnvFile({ A: '1' }, folder)).toEqual({ A: '1' });
  expect(errorOf(() => withEnvFile({}, folder, missing)).issues).toEqual([
    { file: missing, message: 'cannot be read (ENOENT)', hint: 'check the path and its permissions' },
  ]);
});

function errorOf(action: () => unknown): ConfigError {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return error;
  }
  throw new Error('a ConfigError was expected');
}
