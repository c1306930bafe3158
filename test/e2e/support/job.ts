import type { Job } from '../../../src/collect/job.ts';
import { PROVIDERS } from '../../../src/providers/index.ts';
import { HOUR, type Vendor } from './vendor.ts';

/** The job of a vendor as the configuration would give it, at the speed of loopback. */
export function jobOf({ id, options, env }: Vendor, job: Pick<Job, 'start'> & Partial<Job>): Job {
  const provider = PROVIDERS.find((known) => known.id === id)!;
  const filledIn = Object.entries(options).map(([name, value]) => {
    const variable = /^\$\{(.*)\}$/.exec(String(value))?.[1];
    return [name, variable === undefined ? value : env[variable]] as const;
  });
  return {
    name: id,
    provider,
    account: 'default',
    dataset: 'usage',
    rate: { perSecond: 10_000, concurrency: 4, source: 'loopback' },
    schedule: '*/5 * * * *',
    scheduleZone: 'UTC',
    bucket: '1h',
    zone: provider.zone,
    lookback: 72 * HOUR,
    options: provider.options.parse(Object.fromEntries(filledIn)),
    tagLimits: {},
    ...job,
  };
}
