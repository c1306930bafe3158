import { DAY } from '../windows/units.ts';
import { companyUsage, ENDPOINTS, keyId, KEYS, MEMBERS, type CompanyUsage } from './company-usage.ts';
import { r9sSimulator } from './r9s.ts';
import type { Simulator } from './server.ts';
import { traeSimulator } from './trae.ts';
import { ucloudSimulator } from './ucloud.ts';
import type { VendorId } from './vendors.ts';
import { volcengineArkSimulator } from './volcengine-ark.ts';
import type { World } from './world.ts';

export interface CompanyOptions extends CompanyUsage {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** One simulated vendor of the company: its server, the true usage, and a job's options for it. */
export interface CompanyVendor {
  readonly simulator: Simulator;
  readonly world: World;
  readonly options: Readonly<Record<string, unknown>>;
}

const WINDOW_LIMIT = 10 * DAY;

/**
 * A fictitious company that uses all five vendors, each a server on loopback. The same options give the same usage,
 * so that stored sums can be compared with the truth.
 */
export async function startCompany(options: CompanyOptions): Promise<Record<VendorId, CompanyVendor>> {
  const { now, anomalies } = options;
  const usage = companyUsage(options);
  const start = async (
    vendor: VendorId,
    simulator: Promise<Simulator>,
    credentials: Record<string, unknown>,
  ): Promise<CompanyVendor> => {
    const running = await simulator;
    return { simulator: running, world: usage[vendor], options: { ...credentials, base_url: running.url } };
  };
  const keyed = (brand: 'ucloud' | 'sigcal'): Promise<CompanyVendor> => {
    const [publicKey, privateKey] = [`${brand}-public-key`, `${brand}-private-key`];
    const simulator = ucloudSimulator({
      publicKey,
      privateKey,
      brand: brand === 'ucloud' ? 'UCloud' : 'SigCal',
      world: usage[brand],
      now,
      keys: KEYS.map((name) => ({ id: keyId(brand, name), name })),
      rowsPer: 'hour',
      maxWindowSeconds: WINDOW_LIMIT,
      ...(anomalies?.gap.vendor === brand && { missing: [anomalies.gap] }),
    });
    return start(brand, simulator, { public_key: publicKey, private_key: privateKey });
  };
  const members = MEMBERS.map(({ email }, index) => ({ id: 1001 + index, email }));
  const trae = { appId: 'trae-app-id', appSecret: 'trae-app-secret' };
  const ark = { accessKeyId: 'AKLTsimulated', secretAccessKey: 'ark-secret-access-key' };
  const managementKey = 'sk_mg_simulated';
  return {
    trae: await start('trae', traeSimulator({ ...trae, world: usage.trae, now, members }), {
      app_id: trae.appId,
      app_secret: trae.appSecret,
    }),
    ucloud: await keyed('ucloud'),
    sigcal: await keyed('sigcal'),
    r9s: await start(
      'r9s',
      r9sSimulator({ world: usage.r9s, now, managementKey, shape: 'list', maxPageSize: 1000 }),
      { management_key: managementKey, page_size: 1000 },
    ),
    'volcengine-ark': await start(
      'volcengine-ark',
      volcengineArkSimulator({
        ...ark,
        world: usage['volcengine-ark'],
        now,
        endpoints: ENDPOINTS,
        tagged: true,
      }),
      { access_key_id: ark.accessKeyId, secret_access_key: ark.secretAccessKey },
    ),
  };
}
