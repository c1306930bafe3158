import { onTestFinished } from 'vitest';
import { r9sFields, r9sSimulator } from '../../../src/simulator/r9s.ts';
import { between, seeded } from '../../../src/simulator/random.ts';
import type { Simulator } from '../../../src/simulator/server.ts';
import { traeSimulator } from '../../../src/simulator/trae.ts';
import { ucloudFields, ucloudSimulator } from '../../../src/simulator/ucloud.ts';
import { volcengineArkSimulator } from '../../../src/simulator/volcengine-ark.ts';
import { createWorld, type UsageEvent, type World } from '../../../src/simulator/world.ts';
import { VENDORS, type VendorId } from '../../../src/simulator/vendors.ts';
import type { Fields, Tags } from '../../../src/usage/point.ts';

export { VENDORS, type VendorId };

export const HOUR = 3600;
export const DAY = 24 * HOUR;

/** A simulated vendor, what truly happened there, and what a job says to collect from it. */
export interface Vendor {
  readonly id: VendorId;
  readonly world: World;
  readonly simulator: Simulator;
  /** Options of the job; those that are variables stand in `env`. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
}

export interface Usage {
  /** Unix seconds. */
  readonly start: number;
  readonly end: number;
  readonly seed?: number;
  /** Requests of one series in an hour, at most. */
  readonly perHour?: number;
  /** For so many seconds from now a request is made every quarter of a second. */
  readonly liveFor?: number;
}

/** What the simulators accept; tests that look for leaks put recognisable values here. */
export interface Credentials {
  readonly traeAppSecret: string;
  readonly ucloudPrivateKey: string;
  readonly sigcalPrivateKey: string;
  readonly r9sManagementKey: string;
  readonly arkSecretAccessKey: string;
}

const CREDENTIALS: Credentials = {
  traeAppSecret: 'trae-app-secret',
  ucloudPrivateKey: 'ucloud-private-key',
  sigcalPrivateKey: 'sigcal-private-key',
  r9sManagementKey: 'sk_mg_management_key',
  arkSecretAccessKey: 'ark-secret-access-key',
};

const now = (): number => Date.now();
/** The last full hour but one: nothing about usage up to here moves while a test runs. */
export function anHourAgo(): number {
  return Math.floor(Date.now() / 1000 / HOUR) * HOUR - HOUR;
}

/** Starts a vendor whose company used it around the clock. It is closed when the test ends. */
export async function startVendor(
  id: VendorId,
  usage: Usage | readonly UsageEvent[],
  credentials: Credentials = CREDENTIALS,
): Promise<Vendor> {
  const world = createWorld('start' in usage ? events(id, usage) : usage);
  const started = await START[id](world, credentials);
  onTestFinished(() => started.simulator.close());
  return { ...started, id, world, options: { ...started.options, base_url: started.simulator.url } };
}

/** The series that a vendor's simulator knows: two owners, one of them with two models. */
export function seriesOf(id: VendorId): Tags[] {
  const [first, second] = OWNERS[id];
  if (id === 'volcengine-ark') return [first, second];
  return [
    { ...first, model: 'model-one' },
    { ...first, model: 'model-two' },
    { ...second, model: 'model-one' },
  ];
}

/** The counters of one request, as the vendor counts them. */
export function fieldsOf(id: VendorId, input: number, output: number): Fields {
  if (id === 'r9s') return r9sFields(input, output);
  if (id === 'ucloud' || id === 'sigcal') return ucloudFields(input, output);
  return { input_tokens: input, output_tokens: output };
}

const PEOPLE = ['ann@example.com', 'bob@example.com'] as const;
const KEYS = ['uminferapikey-one', 'uminferapikey-two'] as const;
const ENDPOINTS = ['ep-one', 'ep-two'] as const;
const trae = { model_type: 'Chat', model_source: 'Trae' };
const ark = { project: 'default', scene: 'Ordinary' };

const OWNERS: Readonly<Record<VendorId, readonly [Tags, Tags]>> = {
  trae: [
    { user: PEOPLE[0], ...trae },
    { user: PEOPLE[1], ...trae },
  ],
  ucloud: [{ key: KEYS[0] }, { key: KEYS[1] }],
  sigcal: [{ key: KEYS[0] }, { key: KEYS[1] }],
  r9s: [
    { user: 'chat', key: 'tk_1' },
    { user: 'search', key: 'tk_2' },
  ],
  'volcengine-ark': [
    { endpoint: ENDPOINTS[0], ...ark },
    { endpoint: ENDPOINTS[1], ...ark },
  ],
};

type Started = Pick<Vendor, 'simulator' | 'options' | 'env'>;

const START: Readonly<Record<VendorId, (world: World, credentials: Credentials) => Promise<Started>>> = {
  trae: async (world, { traeAppSecret }) => ({
    simulator: await traeSimulator({
      world,
      now,
      appId: 'trae-app-id',
      appSecret: traeAppSecret,
      members: PEOPLE.map((email, index) => ({ id: 1001 + index, email })),
    }),
    options: { app_id: '${TRAE_APP_ID}', app_secret: '${TRAE_APP_SECRET}' },
    env: { TRAE_APP_ID: 'trae-app-id', TRAE_APP_SECRET: traeAppSecret },
  }),
  ucloud: (world, { ucloudPrivateKey }) => startKeyed('UCLOUD', world, ucloudPrivateKey),
  sigcal: (world, { sigcalPrivateKey }) => startKeyed('SIGCAL', world, sigcalPrivateKey),
  r9s: async (world, { r9sManagementKey }) => ({
    simulator: await r9sSimulator({
      world,
      now,
      managementKey: r9sManagementKey,
      shape: 'list',
      maxPageSize: 1000,
    }),
    options: { management_key: '${R9S_MANAGEMENT_KEY}', page_size: 1000 },
    env: { R9S_MANAGEMENT_KEY: r9sManagementKey },
  }),
  'volcengine-ark': async (world, { arkSecretAccessKey }) => ({
    simulator: await volcengineArkSimulator({
      world,
      now,
      accessKeyId: 'AKLTpublic',
      secretAccessKey: arkSecretAccessKey,
      endpoints: ENDPOINTS.map((endpoint) => ({
        id: endpoint,
        project: 'default',
        model: 'doubao-seed',
        version: '250615',
      })),
      tagged: true,
    }),
    options: {
      access_key_id: '${VOLCENGINE_ACCESS_KEY_ID}',
      secret_access_key: '${VOLCENGINE_SECRET_ACCESS_KEY}',
    },
    env: { VOLCENGINE_ACCESS_KEY_ID: 'AKLTpublic', VOLCENGINE_SECRET_ACCESS_KEY: arkSecretAccessKey },
  }),
};

async function startKeyed(brand: 'UCLOUD' | 'SIGCAL', world: World, privateKey: string): Promise<Started> {
  const publicKey = `${brand.toLowerCase()}-public-key`;
  return {
    simulator: await ucloudSimulator({
      world,
      now,
      publicKey,
      privateKey,
      brand,
      keys: KEYS.map((id) => ({ id, name: id })),
      rowsPer: 'hour',
      maxWindowSeconds: 10 * DAY,
    }),
    options: { public_key: `\${${brand}_PUBLIC_KEY}`, private_key: `\${${brand}_PRIVATE_KEY}` },
    env: { [`${brand}_PUBLIC_KEY`]: publicKey, [`${brand}_PRIVATE_KEY`]: privateKey },
  };
}

function events(id: VendorId, { start, end, seed = 1, perHour = 2, liveFor = 0 }: Usage): UsageEvent[] {
  const random = seeded(seed + VENDORS.indexOf(id));
  const made: UsageEvent[] = [];
  const request = (time: number, tags: Tags): void => {
    const fields = fieldsOf(id, between(random, 200, 20_000), between(random, 20, 4_000));
    made.push({ id: `request-${made.length}`, time, visibleAt: time, tags, fields });
  };
  for (let hour = Math.ceil(start / HOUR) * HOUR; hour < end; hour += HOUR) {
    for (const tags of seriesOf(id)) {
      // The first second of an hour is where a wrong idea of a window's edge counts twice or not at all.
      for (let left = between(random, 0, perHour); left > 0; left--)
        request(hour + (random() < 0.2 ? 0 : between(random, 0, HOUR - 1)), tags);
    }
  }
  const series = seriesOf(id);
  const live = Math.floor(Date.now() / 1000);
  for (let second = 0; second < liveFor; second++)
    for (let i = 0; i < 4; i++) request(live + second, series[between(random, 0, series.length - 1)]!);
  return made;
}
