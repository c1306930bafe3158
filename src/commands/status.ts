import type { Job } from '../collect/job.ts';
import { deadLettersOf, openLedgerFile } from '../runtime.ts';
import { formatSpan } from '../config/duration.ts';
import { ConfigError } from '../config/errors.ts';
import { openReadableLedger, type Ledger } from '../ledger/ledger.ts';
import { wallTime } from '../windows/calendar.ts';
import { jobStatus, type JobStatus } from '../collect/status/status.ts';
import { droppedRows } from '../collect/poll/dropped.ts';
import { losesRows, LOSES_ROWS } from '../collect/status/dropped.ts';
import { describeLookback } from './lookback-advice.ts';
import type { CommandContext } from './context.ts';
import { EXIT, formatCount, formatJson, formatTable, printIssues } from './output.ts';

/** `tokentide status`: freshness and completeness of each job, from the ledger alone. */
export async function statusCommand(context: CommandContext, { json }: { json: boolean }): Promise<number> {
  const loaded = context.loadJobs();
  if (loaded.jobs.length === 0 && loaded.issues.length > 0) throw new ConfigError(loaded.issues);
  const code = printIssues(loaded.issues, context.err) ? EXIT.success : EXIT.usageError;
  const ledger = openLedgerFile(context.settings, openReadableLedger);
  try {
    const now = Math.floor(context.now() / 1000);
    const jobs = loaded.jobs.map((job) => jobStatus(ledger, job, now));
    const dropped = Object.fromEntries(jobs.map(({ job }) => [job, droppedRows(ledger, job)]));
    const files = [...loaded.jobs, ...loaded.off, ...loaded.broken];
    const forgotten = ledger.jobs.names().filter((name) => !files.some((job) => job.name === name));
    const deadLetters = deadLettersOf(context.settings, context.now);
    const [rejected, discarded] = [deadLetters.count(), deadLetters.discarded()];
    if (json) {
      context.out(
        formatJson({
          jobs,
          off: loaded.off,
          forgotten,
          dropped,
          spooled: ledger.spool.size(),
          rejected,
          discarded,
        }),
      );
      return code;
    }
    if (jobs.length > 0) context.out(describe(jobs, loaded.jobs));
    if (jobs.some(({ dataAge, buckets }) => dataAge === undefined || buckets === 0))
      context.out(`${NONE}: no closed bucket has been read yet\n`);
    for (const { name, reason } of loaded.off) context.out(`${name}: disabled: ${reason}\n`);
    for (const name of forgotten)
      context.out(
        `${name} has stored data but no job file; tokentide forget ${name} removes it from the ledger\n`,
      );
    for (const line of warnings(ledger, jobs, loaded.jobs, now)) context.out(`${line}\n`);
    if (rejected > 0)
      context.out(
        `${formatCount(rejected)} points rejected permanently by the store: see rejected.jsonl in the data folder\n`,
      );
    if (discarded > 0)
      context.out(
        `${formatCount(discarded)} earlier points were removed from rejected.jsonl because it was full\n`,
      );
    return code;
  } finally {
    ledger.close();
  }
}

/** Cell without a value; explained below the table. */
const NONE = '-';

function describe(statuses: readonly JobStatus[], jobs: readonly Job[]): string {
  return formatTable(
    [
      { title: 'job' },
      { title: 'read up to' },
      { title: 'data age', align: 'right' },
      { title: 'final', align: 'right' },
      { title: 'backlog', align: 'right' },
      { title: 'gaps', align: 'right' },
      { title: 'expired', align: 'right' },
      { title: 'revisions', align: 'right' },
    ],
    statuses.map((status, index) => [
      status.job,
      status.readUntil === undefined ? 'not yet' : wallTime(status.readUntil, jobs[index]!.zone),
      status.dataAge === undefined ? NONE : formatSpan(status.dataAge),
      status.buckets === 0 ? NONE : `${Math.floor((100 * status.final) / status.buckets)} %`,
      formatCount(status.unread),
      formatCount(status.gaps),
      formatCount(status.expired),
      formatCount(status.revisions),
    ]),
  );
}

function warnings(
  ledger: Ledger,
  statuses: readonly JobStatus[],
  jobs: readonly Job[],
  now: number,
): string[] {
  const zones = new Map(jobs.map(({ name, zone }) => [name, zone]));
  const lines: string[] = [];
  for (const status of statuses) {
    const { job, advice, lookback, mismatches, rangeEnd, reconciled, heldBack, storedUntil } = status;
    for (const { reason, total, polls } of droppedRows(ledger, job)) {
      const last = polls > 1 ? `, at each of the last ${polls} polls` : '';
      lines.push(`${job}: ${formatCount(total)} rows dropped: ${reason}${last}`);
    }
    if (losesRows(droppedRows(ledger, job))) lines.push(`${job}: ${LOSES_ROWS}`);
    if (storedUntil !== undefined) {
      const stored =
        storedUntil === 0
          ? 'nothing is stored yet'
          : `stored up to ${wallTime(storedUntil, zones.get(job)!)}, ${formatSpan(now - storedUntil)} ago`;
      lines.push(
        `${job}: ${stored}; the store takes each point once, when it is final; points held back: ${formatCount(heldBack)}`,
      );
    }
    if (advice) lines.push(`${job}: ${describeLookback(advice, lookback)}`);
    if (rangeEnd) lines.push(`${job}: the provider treats the end of a range as ${rangeEnd} (detected)`);
    if (mismatches > 0) {
      lines.push(
        `${job}: the provider's totals differed from the sum of their parts ${mismatches} times; run tokentide reconcile ${job}`,
      );
    }
    if (reconciled && reconciled.differences > 0) {
      lines.push(
        `${job}: the last reconcile found ${reconciled.differences} differences; run tokentide reconcile ${job} --fix`,
      );
    }
  }
  const waiting = ledger.spool.size();
  if (waiting > 0) lines.push(`${formatCount(waiting)} points are waiting for the store`);
  return lines;
}
