import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Job } from '../../collect/job.ts';
import { loadJobs, selectJobs } from '../../config/jobs.ts';
import { PROVIDERS } from '../../providers/index.ts';
import { MEMBERS } from '../../simulator/company-usage.ts';
import type { CompanyVendor } from '../../simulator/company.ts';
import { VENDORS, type VendorId } from '../../simulator/vendors.ts';
import type { CommandContext } from '../context.ts';

/** The tag of everything that the demo writes. */
export const ACCOUNT = 'demo';
/** Days that the jobs collect. */
export const DAYS = 30;

const TEAMS = 'teams.csv';

/** Writes one job file per vendor and a `.env`, and loads them. */
export function demoJobs(
  folder: string,
  company: Record<VendorId, CompanyVendor>,
  { env, now }: CommandContext,
): Job[] {
  writeFileSync(join(folder, 'jobs', TEAMS), teamsFile());
  const secrets: Record<string, string> = {};
  for (const vendor of VENDORS) {
    const options = Object.entries(company[vendor].options).map(([name, value]): [string, unknown] => {
      if (typeof value !== 'string' || name === 'base_url') return [name, value];
      const variable = `DEMO_${vendor}_${name}`.toUpperCase().replaceAll('-', '_');
      secrets[variable] = value;
      return [name, `\${${variable}}`];
    });
    const job = {
      provider: vendor,
      account: ACCOUNT,
      teams: TEAMS,
      schedule: '* * * * *',
      start: `${DAYS}d`,
      // The vendors' rate limits protect the vendors.
      rate_limit: { per_second: 1000, concurrency: 4 },
      options: Object.fromEntries(options),
    };
    writeFileSync(join(folder, 'jobs', `${vendor}.yaml`), `# Written by tokentide demo.\n${stringify(job)}`);
  }
  const lines = Object.entries(secrets).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(
    join(folder, '.env'),
    `# Credentials of the simulated vendors; written by tokentide demo.\n${lines.join('')}`,
  );
  const sources = { env: { ...env, ...secrets }, now, providers: PROVIDERS };
  return selectJobs(loadJobs(join(folder, 'jobs'), sources));
}

function teamsFile(): string {
  const rows = MEMBERS.flatMap(({ email, team }) => (team === undefined ? [] : [[email, team]]));
  return [['email', 'team'], ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('');
}

function cell(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
