import type { Tags } from '../usage/point.ts';
import { r9sFields, r9sSimulator } from './r9s.ts';
import { between, seeded } from './random.ts';
import type { Simulator } from './server.ts';
import { traeSimulator } from './trae.ts';
import { ucloudFields, ucloudSimulator } from './ucloud.ts';
import { volcengineArkSimulator } from './volcengine-ark.ts';
import { createWorld, officeHours, type OfficeHours, type World } from './world.ts';
import { DAY } from '../windows/units.ts';

export interface CompanyOptions {
  /** The first and the last moment with usage, Unix seconds. */
  readonly start: number;
  readonly end: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The longest delay until a vendor counts a request, seconds. */
  readonly convergence?: number;
}

/** One simulated vendor of the company: its server, the true usage, and a job's options for it. */
export interface CompanyVendor {
  readonly simulator: Simulator;
  readonly world: World;
  readonly options: Readonly<Record<string, unknown>>;
}

export const VENDORS = ['trae', 'ucloud', 'sigcal', 'r9s', 'volcengine-ark'] as const;
export type VendorId = (typeof VENDORS)[number];

const MODELS = {
  trae: ['Doubao-Seed-2.0-Code', 'DeepSeek-V3.2', 'GLM-5.1'],
  ucloud: ['deepseek-ai/DeepSeek-V3', 'Qwen/Qwen3-Coder'],
  sigcal: ['gpt-5-mini', 'claude-sonnet-4.5'],
  r9s: ['gpt-4o-mini', 'gemini-2.5-flash'],
} as const;
const ARK_MODELS = ['doubao-seed-1-6', 'deepseek-v3-2', 'doubao-1-5-vision-pro'];
const PEOPLE = ['lin', 'zhao', 'chen', 'wang', 'sun', 'zhou', 'wu', 'xu', 'ma', 'hu', 'guo', 'he'];
const ACTIVE_PEOPLE = 8;
const WINDOW_LIMIT = 10 * DAY;

/**
 * A fictitious company that uses all five vendors, each a server on loopback. The same options give the same usage,
 * so that stored sums can be compared with the truth.
 */
export async function startCompany(options: CompanyOptions): Promise<Record<VendorId, CompanyVendor>> {
  const { now } = options;
  const emails = PEOPLE.map((name) => `${name}@example.com`);
  const world = (seed: number, series: readonly Tags[], fields?: OfficeHours['fields']): World =>
    createWorld(
      officeHours({
        seed,
        series,
        start: options.start,
        end: options.end,
        perHour: 2,
        hours: [7, 23],
        convergence: options.convergence ?? 0,
        ...(fields && { fields }),
      }),
    );
  const random = seeded(1);
  const pairs = (owners: readonly Tags[], models: readonly string[]): Tags[] =>
    owners.flatMap((owner) =>
      models
        .filter((_, index) => index === 0 || between(random, 0, 1) === 1)
        .map((model) => ({ ...owner, model })),
    );
  const keys = (brand: string): { id: string; name: string }[] =>
    ['web', 'batch', 'research'].map((name) => ({ id: `uminferapikey-${brand}-${name}`, name }));

  const members = emails.map((email, index) => ({ id: 1001 + index, email }));
  const people = emails
    .slice(0, ACTIVE_PEOPLE)
    .map((user) => ({ user, model_type: 'Chat', model_source: 'Trae' }));
  const trae = world(11, pairs(people, MODELS.trae));
  const ucloud = world(
    12,
    pairs(
      keys('ucloud').map(({ id }) => ({ key: id })),
      MODELS.ucloud,
    ),
    ucloudFields,
  );
  const sigcal = world(
    13,
    pairs(
      keys('sigcal').map(({ id }) => ({ key: id })),
      MODELS.sigcal,
    ),
    ucloudFields,
  );
  const apps = ['chat', 'search'].map((user, index) => ({ user, key: `tk_${index + 1}` }));
  const r9s = world(14, pairs(apps, MODELS.r9s), r9sFields);
  const endpoints = ARK_MODELS.map((model, index) => ({
    id: `ep-2026-${index + 1}`,
    project: 'default',
    model,
    version: '250615',
  }));
  const ark = world(
    15,
    endpoints.map(({ id, project }, index) => ({
      endpoint: id,
      project,
      scene: index === 0 ? 'Batch' : 'Ordinary',
    })),
  );

  const start = async (
    world: World,
    simulator: Promise<Simulator>,
    options: Record<string, unknown>,
  ): Promise<CompanyVendor> => {
    const running = await simulator;
    return { simulator: running, world, options: { ...options, base_url: running.url } };
  };
  const keyed = (brand: 'ucloud' | 'sigcal', world: World): Promise<CompanyVendor> => {
    const credentials = { publicKey: `${brand}-public-key`, privateKey: `${brand}-private-key` };
    return start(
      world,
      ucloudSimulator({
        ...credentials,
        world,
        now,
        keys: keys(brand),
        rowsPer: 'hour',
        maxWindowSeconds: WINDOW_LIMIT,
      }),
      { public_key: credentials.publicKey, private_key: credentials.privateKey },
    );
  };
  const traeCredentials = { appId: 'trae-app-id', appSecret: 'trae-app-secret' };
  const arkCredentials = { accessKeyId: 'AKLTsimulated', secretAccessKey: 'ark-secret-access-key' };
  const managementKey = 'sk_mg_simulated';
  return {
    trae: await start(trae, traeSimulator({ ...traeCredentials, world: trae, now, members }), {
      app_id: traeCredentials.appId,
      app_secret: traeCredentials.appSecret,
    }),
    ucloud: await keyed('ucloud', ucloud),
    sigcal: await keyed('sigcal', sigcal),
    r9s: await start(
      r9s,
      r9sSimulator({ world: r9s, now, managementKey, shape: 'list', maxPageSize: 1000 }),
      {
        management_key: managementKey,
        page_size: 1000,
      },
    ),
    'volcengine-ark': await start(
      ark,
      volcengineArkSimulator({ ...arkCredentials, world: ark, now, endpoints, tagged: true }),
      { access_key_id: arkCredentials.accessKeyId, secret_access_key: arkCredentials.secretAccessKey },
    ),
  };
}
