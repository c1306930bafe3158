import { describe, expect, it } from 'vitest';
import { removalOf } from '../../src/commands/demo/influx.ts';
import { demoSettings, type DemoArguments } from '../../src/commands/demo/settings.ts';
import { Secret } from '../../src/lib/secret.ts';

const URL = 'http://influxdb:8086';
const COMPOSE = {
  INFLUX_HOST: 'http://elsewhere:8086',
  INFLUX_VERSION: '2',
  INFLUX_ORG: 'org',
  INFLUX_BUCKET: 'usage',
  INFLUX_TOKEN: 'token-of-the-environment',
  TOKENTIDE_STORE: 'influxdb',
  TOKENTIDE_DATA: '/data',
};

/** The store of the settings, with secrets as plain text. */
function storeOf(env: Record<string, string>, args: DemoArguments): unknown {
  return Object.fromEntries(
    Object.entries(demoSettings(env, args).store).map(([name, value]) => [
      name,
      value instanceof Secret ? value.reveal() : value,
    ]),
  );
}

describe('the store of the demo', () => {
  it('is the embedded one without --influx, whatever the environment says', () => {
    expect(demoSettings(COMPOSE, {})).toMatchObject({ store: { kind: 'sqlite' }, data: '/data/demo' });
  });

  it.each<[string, Record<string, string>, DemoArguments, object]>([
    [
      'takes what the options leave out from the environment, but not its address and version',
      COMPOSE,
      {},
      { org: 'org', bucket: 'usage', token: 'token-of-the-environment' },
    ],
    [
      'prefers options',
      { ...COMPOSE, INFLUX_TOKEN_FILE: '/none' },
      { org: 'o', bucket: 'b', token: 't' },
      { org: 'o', bucket: 'b', token: 't' },
    ],
    ['needs no bucket with --database', COMPOSE, { database: 'd' }, { database: 'd' }],
    [
      'takes the login of a database from the environment',
      { INFLUX_USERNAME: 'me', INFLUX_PASSWORD: 'p', INFLUX_RETENTION_POLICY: 'year' },
      { database: 'd' },
      { database: 'd', username: 'me', password: 'p', retentionPolicy: 'year' },
    ],
    [
      'needs no database with --bucket',
      { INFLUX_DATABASE: 'd', INFLUX_TOKEN: 't' },
      { bucket: 'b' },
      { bucket: 'b', token: 't' },
    ],
  ])('%s', (_, env, args, expected) => {
    expect(storeOf(env, { influx: URL, ...args })).toEqual({ kind: 'influxdb', url: URL, ...expected });
  });

  it('reads the token from a file', () => {
    const env = { INFLUX_TOKEN_FILE: new globalThis.URL(import.meta.url).pathname, INFLUX_BUCKET: 'b' };

    expect(storeOf(env, { influx: URL })).toMatchObject({ token: expect.stringContaining('vitest') });
  });
});

describe('the line that removes what a demo has written', () => {
  const store = { description: '', deletes: true };

  it('repeats the options but the token, quoted for a shell', () => {
    const args = { influx: URL, token: 'canary', org: 'my org', bucket: `it's` };

    expect(removalOf(store, args)).toBe(
      String.raw`To remove it again: tokentide demo --influx http://influxdb:8086 --org 'my org' --bucket 'it'\''s' --remove`,
    );
  });

  it('is a warning where the server cannot delete', () => {
    expect(removalOf({ ...store, deletes: false }, { influx: URL })).toMatch(/cannot delete points/);
  });
});
