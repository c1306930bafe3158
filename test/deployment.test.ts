import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { dashboardProvider } from '../grafana/provisioning.ts';
import { LANGUAGES } from '../grafana/text.ts';
import { readSettings } from '../src/config/settings.ts';
import { ROOT } from './support/markdown.ts';

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly [key: string]: unknown;
}

interface Compose {
  readonly services: Readonly<Record<'influxdb' | 'grafana' | 'collector', Service>>;
  readonly volumes: Readonly<Record<string, null>>;
}

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const compose = parse(read('docker-compose.yml')) as Compose;
const services = Object.entries(compose.services);
const { collector, grafana, influxdb } = compose.services;

it('limits the memory of the collector that runs for long the same way, however it is started', () => {
  const limits = '--max-semi-space-size=2 --max-old-space-size=1024';
  for (const path of ['Dockerfile', 'docs/operations.md', 'bench/daemon.mjs'])
    expect(read(path), path).toContain(limits);
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  expect(scripts['start']).toContain(limits);
});

describe('docker-compose.yml', () => {
  it.each(services)('pins %s and publishes it for this machine only', (_, { image, build, ports }) => {
    if (build === undefined) expect(image).toMatch(/:\d+\.\d+(\.\d+)?$/);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  it.each(services)('mounts into %s what is there, or a volume', (_, { volumes }) => {
    for (const volume of volumes) {
      const inEachLanguage = new Set(
        LANGUAGES.map((language) => volume.replace('${GRAFANA_LANGUAGE:-en}', language)),
      );
      for (const each of inEachLanguage) {
        const [source = ''] = each.split(':');
        if (source.startsWith('./')) expect(existsSync(join(ROOT, source)), source).toBe(true);
        else expect(Object.keys(compose.volumes)).toContain(source);
      }
    }
  });

  it('gives Grafana its files to read only, where its own configuration looks for them', () => {
    const mounted = grafana.volumes.filter((volume) => volume.startsWith('./'));
    const targets = mounted.map((volume) => volume.replace(/:-\w+\}/, '}').split(':')[1]);

    expect(mounted.filter((volume) => !volume.endsWith(':ro'))).toEqual([]);
    expect(targets).toContain(dashboardProvider.content.providers[0]!.options.path);
    const home = grafana.environment['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']!;
    expect(
      existsSync(
        join(ROOT, home.replace('/etc/tokentide', 'grafana').replace('dashboards/', 'dashboards/en/')),
      ),
    ).toBe(true);
  });

  it('starts with no secret that nobody has set', () => {
    const secrets = [
      influxdb.environment['DOCKER_INFLUXDB_INIT_PASSWORD'],
      influxdb.environment['DOCKER_INFLUXDB_INIT_ADMIN_TOKEN'],
      grafana.environment['GF_SECURITY_ADMIN_PASSWORD'],
    ];

    for (const secret of secrets) expect(secret).toMatch(/^\$\{[A-Z_]+:\?set [A-Z_]+ in \.env/);
  });

  it('takes no variable that .env.example does not name', () => {
    const named = [...read('docker-compose.yml').matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name);

    for (const name of named) expect(read('.env.example')).toMatch(new RegExp(`^# ${name}=`, 'm'));
  });

  it('gives the collector no rights that it does not need', () => {
    expect(collector).toMatchObject({
      user: 'node',
      read_only: true,
      tmpfs: '/tmp',
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      stop_grace_period: '15s',
    });
    expect(collector.volumes).toContain('./jobs:/app/jobs:ro');
  });

  it('gives the collector valid settings, whatever .env contains', () => {
    const env = Object.fromEntries(
      Object.entries(collector.environment).map(([name, value]) => [
        name,
        value.replace(/^\$\{\w+:-(\w+)\}$/, '$1'),
      ]),
    );

    const settings = readSettings({ ...parseEnv(read('.env.example')), INFLUX_TOKEN: 'x', ...env });

    expect(settings).toMatchObject({
      data: '/data',
      listen: { host: '0.0.0.0', port: 9464 },
      store: { kind: 'influxdb', version: '2', org: 'tokentide', bucket: 'tokentide' },
    });
    expect(collector.ports).toEqual(['127.0.0.1:9464:9464']);
    expect(collector.volumes).toContain('collector-data:/data');
  });

  it('waits for InfluxDB to be healthy', () => {
    expect(influxdb['healthcheck']).toBeDefined();
    for (const { depends_on: needs } of [collector, grafana]) {
      expect(needs).toEqual({ influxdb: { condition: 'service_healthy' } });
    }
  });
});

test('the data source of Grafana is fed by variables that its container has', () => {
  const text = read('grafana/provisioning/datasources/influxdb.yaml');
  const { datasources } = parse(text) as { datasources: { type: string; jsonData: { version: string } }[] };

  const needed = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name);

  expect(datasources).toHaveLength(1);
  expect(datasources[0]).toMatchObject({ type: 'influxdb', jsonData: { version: 'InfluxQL' } });
  expect(needed.toSorted()).toEqual(['INFLUX_BUCKET', 'INFLUX_HOST', 'INFLUX_TOKEN']);
  for (const name of needed) expect(grafana.environment).toHaveProperty(name);
});

describe('Dockerfile', () => {
  const text = read('Dockerfile').replaceAll('\\\n', ' ');
  const instructions = text
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([name]) => name !== '' && !name?.startsWith('#'));
  const of = (name: string): string[][] =>
    instructions.filter((words) => words[0] === name).map((words) => words.slice(1));

  it('copies what is there and what .dockerignore lets in', () => {
    const admitted = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1).split('/')[0]);
    const sources = of('COPY')
      .filter(([first]) => !first?.startsWith('--from'))
      .flatMap((paths) => paths.slice(0, -1));

    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources) {
      expect(existsSync(join(ROOT, source)), source).toBe(true);
      expect(admitted).toContain(source);
    }
  });

  it('runs the collector as a user without rights, on an LTS of Node that the package supports', () => {
    const last = instructions.slice(instructions.findLastIndex(([name]) => name === 'FROM'));
    const bases = of('FROM').map(([image]) => image);

    expect(new Set(bases)).toEqual(new Set(['node:24-slim']));
    expect(last.find(([name]) => name === 'USER')).toEqual(['USER', 'node']);
    expect(instructions.at(-2)).toEqual(['ENTRYPOINT', '["tokentide"]']);
    expect(instructions.at(-1)).toEqual(['CMD', '["run"]']);
  });

  // Node.js 24 ignores HTTPS_PROXY without it: https://nodejs.org/api/cli.html#node_use_env_proxy1
  it('sends requests through the proxy that the environment names', () => {
    expect(of('ENV').flat()).toContain('NODE_USE_ENV_PROXY=1');
  });

  it('asks for health on the port that it listens on', () => {
    const [, port] = /TOKENTIDE_LISTEN=0\.0\.0\.0:(\d+)/.exec(text) ?? [];

    expect(text).toContain(`fetch('http://127.0.0.1:${port}/healthz')`);
    expect(of('EXPOSE')).toEqual([[port]]);
  });
});

test('.ci/run can be started', () => {
  expect(statSync(join(ROOT, '.ci/run')).mode & 0o111).toBe(0o111);
});
