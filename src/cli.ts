#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { CommandContext, GlobalOptions, ProcessIo } from './commands/context.ts';
import type { ReconcileArguments } from './commands/reconcile.ts';
import { version } from './commands/version.ts';

const EXAMPLES = `
Examples:
  $ tokentide demo                            see it work, without any account
  $ tokentide check                           try every job and the store
  $ tokentide collect trae --dry-run          what would be written, as line protocol
  $ tokentide backfill trae --from 2026-01-01 --plan
  $ tokentide run                             collect until stopped

Jobs are files in ./jobs. Variables come from the environment and from .env; see .env.example.
Exit codes: 0 fine, 1 failed, 2 wrong use or configuration.`;

type Run<Arguments> = (context: CommandContext, args: Arguments) => Promise<number>;

/** Parses the command line, runs the command and resolves to the exit code. Commands are loaded when they are called. */
export async function main(argv: readonly string[], io: ProcessIo): Promise<number> {
  let exitCode = 0;
  const program = new Command('tokentide')
    .description(
      'Collects LLM token usage from providers and stores it: fresh now, corrected later, equal to the bill.',
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    })
    .configureHelp({ showGlobalOptions: true, optionDescription: ({ description }) => description })
    .version(version(), '-V, --version', 'print the version')
    .option('--jobs <folder>', 'the folder of job files (default: $TOKENTIDE_JOBS or ./jobs)')
    .option(
      '--data <folder>',
      'the folder of the ledger and the embedded store (default: $TOKENTIDE_DATA or ./data)',
    )
    .option('--env-file <file>', 'a file of variables (default: ./.env, where there is one)')
    .addHelpText('after', EXAMPLES);

  async function run<Arguments>(load: () => Promise<Run<Arguments>>, args: Arguments): Promise<void> {
    const [{ createContext }, command] = await Promise.all([import('./commands/context.ts'), load()]);
    exitCode = await command(createContext(program.opts<GlobalOptions>(), io), args);
  }

  program.commandsGroup('Collect:');
  program
    .command('run')
    .description('collect on schedule until stopped')
    .action(() => run(async () => (await import('./commands/run.ts')).runCommand, {}));
  program
    .command('collect')
    .description('poll now, once, and exit')
    .argument('[job...]', 'names of jobs (default: all that are on)')
    .option('--dry-run', 'print line protocol and write nothing', false)
    .addOption(json())
    .action((jobs: string[], options: { dryRun: boolean; json: boolean }) =>
      run(async () => (await import('./commands/collect.ts')).collectCommand, { jobs, ...options }),
    );
  program
    .command('backfill')
    .description('collect a past range, resuming where it was interrupted')
    .argument('<job>', 'the name of a job')
    .addOption(from().makeOptionMandatory())
    .addOption(to())
    .option('--plan', 'print the windows, calls and estimated time, and stop', false)
    .addOption(json())
    .action((job: string, options: { from: string; to?: string; plan: boolean; json: boolean }) =>
      run(async () => (await import('./commands/backfill.ts')).backfillCommand, { job, ...options }),
    );

  program.commandsGroup('Look and prove:');
  program
    .command('status')
    .description('how fresh and complete each job is')
    .addOption(json())
    .action((options: { json: boolean }) =>
      run(async () => (await import('./commands/status.ts')).statusCommand, options),
    );
  program
    .command('gaps')
    .description('windows that should be there and are not')
    .addArgument(oneJob())
    .option('--fill', 'try them now', false)
    .addOption(json())
    .action((job: string | undefined, options: { fill: boolean; json: boolean }) =>
      run(async () => (await import('./commands/gaps.ts')).gapsCommand, { ...named(job), ...options }),
    );
  program
    .command('reconcile')
    .description("compare what is stored with the provider's own totals")
    .addArgument(oneJob())
    .addOption(from())
    .addOption(to())
    .option('--fix', 'read the windows that differ again', false)
    .option(
      '--drop-unreported',
      'with --fix: also set usage to zero that the provider no longer reports',
      false,
    )
    .option('--tolerance <percent>', 'the largest difference that is fine (default: 0)', percent, 0)
    .addOption(json())
    .action((job: string | undefined, options: Omit<ReconcileArguments, 'job'>) =>
      run(async () => (await import('./commands/reconcile.ts')).reconcileCommand, {
        ...named(job),
        ...options,
      }),
    );

  program.commandsGroup('Set up:');
  program
    .command('demo')
    .description('collect from simulated providers, without any account or network')
    .action(() => run(async () => (await import('./commands/demo.ts')).demoCommand, {}));
  program
    .command('check')
    .description('validate everything, then try each job and the store for real')
    .argument('[job...]', 'names of jobs (default: all that are on)')
    .addOption(json())
    .action((jobs: string[], options: { json: boolean }) =>
      run(async () => (await import('./commands/check.ts')).checkCommand, { jobs, ...options }),
    );
  program
    .command('migrate')
    .description('adopt a changed bucket, zone or account of a job')
    .argument('<job>', 'the name of a job')
    .addOption(new Option('--keep-old', 'keep what was stored before the change').conflicts('dropOld'))
    .addOption(
      new Option('--drop-old', 'delete what was stored before the change, and read it again').conflicts(
        'keepOld',
      ),
    )
    .action((job: string, options: { keepOld?: true; dropOld?: true }) =>
      run(async () => (await import('./commands/migrate.ts')).migrateCommand, { job, ...options }),
    );
  program
    .command('forget')
    .description('remove everything about a job without a job file from the ledger; stored points are kept')
    .argument('<job>', 'the name of a job')
    .option('--force', 'also if the job file exists or points are not stored yet', false)
    .action((job: string, options: { force: boolean }) =>
      run(async () => (await import('./commands/forget.ts')).forgetCommand, { job, ...options }),
    );
  program
    .command('schema')
    .description('print the JSON schema of job files')
    .action(() => run(async () => (await import('./commands/schema.ts')).schemaCommand, {}));

  program.helpCommand('help [command]', 'explain a command');

  try {
    await program.parseAsync([...argv]);
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { printError } = await import('./commands/output.ts');
    return printError(error, (text) => void io.stderr.write(text));
  }
}

function json(): Option {
  return new Option('--json', 'print JSON for machines').default(false);
}

function from(): Option {
  return new Option(
    '--from <time>',
    'start: 2026-10-01, 2026-10-01T08:00:00+08:00, or so far back from now: 30d',
  );
}

function to(): Option {
  return new Option('--to <time>', 'end, not included (default: now)');
}

function oneJob(): Argument {
  return new Argument('[job]', 'the name of a job (default: all that are on)');
}

function named(job: string | undefined): { job?: string } {
  return job === undefined ? {} : { job };
}

function percent(text: string): number {
  const value = /^\d+(\.\d+)?%?$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (value <= 100) return value;
  throw new InvalidArgumentError('It must be a percentage such as 0.5.');
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  // A reader that has seen enough, such as head, is no fault.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  process.exitCode = await main(process.argv, process);
}
