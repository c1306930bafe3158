import { dropOld, keepOld, NoCommonBoundary } from '../collect/jobs/migrate.ts';
import { identityOf, jobChange, recordedIdentity } from '../collect/jobs/identity.ts';
import { withLease } from '../collect/jobs/lease.ts';
import { createRuntime } from '../runtime.ts';
import { ConfigError } from '../config/errors.ts';
import { selectJobs } from '../config/jobs.ts';
import { wallTime } from '../windows/calendar.ts';
import type { CommandContext } from './context.ts';
import { EXIT } from './output.ts';

export interface MigrateArguments {
  readonly job: string;
  readonly keepOld?: true;
  readonly dropOld?: true;
}

/** `tokentide migrate`: applies a changed bucket, zone, account, user naming or store without counting usage twice. */
export async function migrateCommand(context: CommandContext, args: MigrateArguments): Promise<number> {
  const { settings, now, signal, pid } = context;
  const [job] = selectJobs(context.loadJobs(), [args.job]);
  if (!job) return EXIT.usageError;
  const runtime = await createRuntime({ settings, role: 'migrate', pid, now });
  try {
    const { ledger, store, lease } = runtime;
    const before = recordedIdentity(ledger, job.name);
    if (!before || !jobChange(ledger, job, store)) {
      context.out(`${job.name} has not changed: nothing to migrate\n`);
      return EXIT.success;
    }
    if (!args.keepOld && !args.dropOld) {
      throw new ConfigError([
        {
          message: 'choose what happens to the points stored under the old settings',
          hint: '--keep-old keeps them and collects with the new settings from now on; --drop-old deletes them and reads everything again',
        },
      ]);
    }
    if (!ledger.leases.take('daemon', lease.owner)) {
      throw new ConfigError([
        {
          message: `the data folder is in use by another process (${ledger.leases.holder('daemon') ?? 'unknown'})`,
          hint: `stop the collector first: it would go on collecting "${job.name}" under the old settings`,
        },
      ]);
    }
    const after = identityOf(job, store);
    const migration = { ledger, store, job, before, after, now: lease.now() };
    return await withLease(lease, job.name, signal, async () => {
      if (args.dropOld) {
        await dropOld(migration);
        context.out(
          `${job.name}: old points deleted; the next poll reads everything since ${wallTime(job.start, job.zone)} ${job.zone}\n`,
        );
      } else {
        const from = await keepOld(migration);
        context.out(
          `${job.name}: old points before ${wallTime(from, job.zone)} ${job.zone} kept; the next poll collects from there\n`,
        );
      }
      return EXIT.success;
    });
  } catch (error) {
    if (!(error instanceof NoCommonBoundary)) throw error;
    throw new ConfigError([{ message: error.message, hint: error.hint }]);
  } finally {
    await runtime.close();
  }
}
