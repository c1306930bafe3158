import { isHeldBack } from '../collect/delivery/held-back.ts';
import { withLease } from '../collect/jobs/lease.ts';
import { ConfigError } from '../config/errors.ts';
import { openLedgerFile } from '../runtime.ts';
import type { CommandContext } from './context.ts';
import { EXIT, formatCount } from './output.ts';

const ALL = { start: 0, end: Number.MAX_SAFE_INTEGER };

export interface ForgetArguments {
  readonly job: string;
  readonly force: boolean;
}

/** `tokentide forget`: removes everything that a job left in the ledger. Its stored points are kept. */
export async function forgetCommand(context: CommandContext, args: ForgetArguments): Promise<number> {
  const { jobs, off } = context.loadJobs();
  if (!args.force && [...jobs, ...off].some(({ name }) => name === args.job)) {
    throw refusal(
      `the job "${args.job}" has a job file: with the next poll it would be read again from its start`,
      'remove the job file first, or use --force',
    );
  }
  const ledger = openLedgerFile(context.settings);
  const owner = `forget ${context.pid}`;
  try {
    if (!ledger.leases.take('daemon', owner)) {
      throw refusal(
        `the data folder is in use by another process (${ledger.leases.holder('daemon') ?? 'unknown'})`,
        'stop the collector first: it may still run the job',
      );
    }
    const spooled = ledger.spool.size(args.job);
    const heldBack = isHeldBack(ledger, args.job) ? ledger.lastAnswers.of(args.job, ALL).size : 0;
    if (!args.force && heldBack > 0) {
      throw refusal(
        `the job "${args.job}" has points that are held back until they are final (${formatCount(heldBack)})`,
        'collect the job until its lookback has passed, or use --force to discard them',
      );
    }
    if (!args.force && spooled > 0) {
      throw refusal(
        `the job "${args.job}" has points that are not stored yet (${formatCount(spooled)})`,
        'collect any job once the store is available to write them, or use --force to discard them',
      );
    }
    const holder = { ledger, owner, now: context.now, sleep: () => Promise.resolve() };
    const rows = await withLease(holder, args.job, context.signal, () =>
      Promise.resolve(ledger.forget(args.job)),
    );
    if (rows === 0) {
      const known = ledger.jobs.names().join(', ');
      throw refusal(
        `the ledger has nothing about a job "${args.job}"`,
        known === '' ? 'it has no jobs' : `its jobs: ${known}`,
      );
    }
    context.out(
      `${args.job}: ${formatCount(rows)} rows removed from the ledger; points in the store are kept\n`,
    );
    return EXIT.success;
  } finally {
    ledger.close();
  }
}

function refusal(message: string, hint: string): ConfigError {
  return new ConfigError([{ message, hint }]);
}
