import type { Tags } from '../usage/point.ts';
import type { Anomalies } from './anomalies.ts';
import { r9sFields } from './r9s.ts';
import { between, seeded } from './random.ts';
import { ucloudFields } from './ucloud.ts';
import type { VendorId } from './vendors.ts';
import type { ArkEndpoint } from './volcengine-ark.ts';
import { createWorld, officeHours, type OfficeHours, type World } from './world.ts';

export interface CompanyUsage {
  /** The first and the last moment with usage, Unix seconds. */
  readonly start: number;
  readonly end: number;
  /** The longest delay until a vendor counts a request, seconds. */
  readonly convergence?: number;
  /** None by default. */
  readonly anomalies?: Anomalies;
}

/** Members of Trae: e-mail and team. Some names are hard on queries and links; some members use nothing. */
export const MEMBERS: readonly { readonly email: string; readonly team?: string }[] = [
  { email: 'lin@example.com', team: 'platform' },
  { email: 'zhao@example.com', team: 'platform' },
  { email: 'chen@example.com', team: 'apps' },
  { email: 'wang@example.com', team: 'apps' },
  { email: 'sun@example.com' },
  { email: 'a+b@example.com', team: 'R&D "lab"' },
  { email: '李雷@示例.公司', team: '数据平台' },
  { email: "o'neil@example.com", team: '数据平台' },
  { email: 'zhou@example.com', team: 'apps' },
  { email: 'wu@example.com', team: 'apps' },
  { email: 'xu@example.com' },
  { email: 'hu@example.com' },
];
const ACTIVE_MEMBERS = 8;

/** Names of the keys at UCloud and SigCal. */
export const KEYS = ['web', 'batch', 'research'] as const;

const ARK_MODELS = ['doubao-seed-1-6', 'deepseek-v3-2', 'doubao-1-5-vision-pro'];
export const ENDPOINTS: readonly ArkEndpoint[] = ARK_MODELS.map((model, index) => ({
  id: `ep-2026-${index + 1}`,
  project: 'default',
  model,
  version: '250615',
}));

const MODELS = {
  trae: ['Doubao-Seed-2.0-Code', 'DeepSeek-V3.2', 'GLM-5.1'],
  ucloud: ['deepseek-ai/DeepSeek-V3', 'Qwen/Qwen3-Coder'],
  sigcal: ['gpt-5-mini', 'claude-sonnet-4.5'],
  r9s: ['gpt-4o-mini', 'gemini-2.5-flash'],
} as const;

export function keyId(brand: string, name: string): string {
  return `uminferapikey-${brand}-${name}`;
}

/** The true usage at each vendor. */
export function companyUsage(options: CompanyUsage): Record<VendorId, World> {
  const random = seeded(1);
  const pairs = (owners: readonly Tags[], models: readonly string[]): Tags[] =>
    owners.flatMap((owner) =>
      models
        .filter((_, index) => index === 0 || between(random, 0, 1) === 1)
        .map((model) => ({ ...owner, model })),
    );
  const members = MEMBERS.slice(0, ACTIVE_MEMBERS).map(({ email }) => ({
    user: email,
    model_type: 'Chat',
    model_source: 'Trae',
  }));
  const keysOf = (brand: string): Tags[] => KEYS.map((name) => ({ key: keyId(brand, name) }));
  const apps = ['chat', 'search'].map((user, index) => ({ user, key: `tk_${index + 1}` }));
  const endpoints = ENDPOINTS.map(({ id, project }, index) => ({
    endpoint: id,
    project,
    scene: index === 0 ? 'Batch' : 'Ordinary',
  }));
  return {
    trae: worldOf('trae', { ...options, seed: 11, series: pairs(members, MODELS.trae) }),
    ucloud: worldOf('ucloud', {
      ...options,
      seed: 12,
      series: pairs(keysOf('ucloud'), MODELS.ucloud),
      fields: ucloudFields,
    }),
    sigcal: worldOf('sigcal', {
      ...options,
      seed: 13,
      series: pairs(keysOf('sigcal'), MODELS.sigcal),
      fields: ucloudFields,
    }),
    r9s: worldOf('r9s', { ...options, seed: 14, series: pairs(apps, MODELS.r9s), fields: r9sFields }),
    'volcengine-ark': worldOf('volcengine-ark', { ...options, seed: 15, series: endpoints }),
  };
}

type Usage = CompanyUsage & Pick<OfficeHours, 'seed' | 'series' | 'fields'>;

/** People work on weekdays, batch jobs at any time. */
function worldOf(vendor: VendorId, { anomalies, ...usage }: Usage): World {
  const batch = { hours: [0, 24], weekends: true, atLeast: 3, perHour: 5 } as const;
  const { endpoint, delay, convergence } = anomalies?.late ?? {};
  const late = delay !== undefined && convergence !== undefined && { delay, convergence };
  return createWorld([
    ...officeHours({
      ...usage,
      series: usage.series.filter((tags) => !isBatch(tags)),
      perHour: 2,
      hours: [7, 23],
    }),
    ...usage.series.filter(isBatch).flatMap((tags, index) =>
      officeHours({
        ...usage,
        ...(tags.endpoint === endpoint && late),
        ...batch,
        seed: usage.seed + 100 * (index + 1),
        series: [tags],
      }),
    ),
    ...(anomalies?.spikes ?? [])
      .filter((spike) => spike.vendor === vendor)
      .flatMap(({ series, window, perHour }, index) =>
        officeHours({
          ...usage,
          ...window,
          seed: usage.seed + 1000 * (index + 1),
          series: [series],
          hours: [0, 24],
          weekends: true,
          atLeast: perHour - 20,
          perHour,
        }),
      ),
  ]);
}

function isBatch({ key = '', scene }: Tags): boolean {
  return scene === 'Batch' || key.endsWith('-batch');
}
