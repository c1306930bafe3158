#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { CommandContext, GlobalOptions, ProcessIo } from './commands/context.ts';
import type { LabelArguments } from './commands/alerts-label.ts';
import type { ReplayArguments } from './commands/alerts-replay.ts';
import type { BackfillArguments } from './commands/backfill.ts';
import type { DemoArguments } from './commands/demo/settings.ts';
import type { NotifyArguments } from './commands/notify.ts';
import type { ReconcileArguments } from './commands/reconcile.ts';
import type { SchemaArguments } from './commands/schema.ts';
import { version } from './commands/version.ts';

const EXAMPLES = `
Examples:
  $ tokentide demo                            collect from simulated providers, no account needed
  $ tokentide check                           test every job and the store
  $ tokentide collect trae --dry-run          print the points as line protocol, write nothing
  $ tokentide backfill trae --from 2026-01-01 --plan
  $ tokentide alerts replay --from 90d        what alert rules would have said
  $ tokentide run                             collect until stopped

Jobs are YAML files in ./jobs. Variables come from the environment and from .env; see .env.example.
Exit codes: 0 success, 1 failure, 2 usage or configuration error.`;

type Run<Arguments> = (context: CommandContext, args: Arguments) => Promise<number>;

/** Parses the command line, runs the command and resolves to the exit code. Command modules are imported on demand. */
export async function main(argv: readonly string[], io: ProcessIo): Promise<number> {
  let exitCode = 0;
  const program = new Command('tokentide')
    .description(
      'Collects LLM token usage from provider APIs and writes it to InfluxDB, VictoriaMetrics or SQLite.',
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    })
    .configureHelp({ showGlobalOptions: true, optionDescription: ({ description }) => description })
    .version(version(), '-V, --version', 'print the version')
    .option('--jobs <folder>', 'folder of job files (default: $TOKENTIDE_JOBS or ./jobs)')
    .option(
      '--data <folder>',
      'folder of the ledger and the embedded store (default: $TOKENTIDE_DATA or ./data)',
    )
    .option('--env-file <file>', 'file of environment variables (default: ./.env, if it exists)')
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
    .description('poll once and exit')
    .argument('[job...]', 'job names (default: all enabled jobs)')
    .option('--dry-run', 'print line protocol, write nothing', false)
    .addOption(json())
    .action((jobs: string[], options: { dryRun: boolean; json: boolean }) =>
      run(async () => (await import('./commands/collect.ts')).collectCommand, { jobs, ...options }),
    );
  program
    .command('backfill')
    .description('collect a past range; resumes after an interruption')
    .argument('<job>', 'job name')
    .addOption(from().makeOptionMandatory())
    .addOption(to())
    .option('--full', 'also read buckets whose totals equal what is stored (Trae)', false)
    .option('--plan', 'print windows, calls and estimated time, then exit', false)
    .addOption(json())
    .action((job: string, options: Omit<BackfillArguments, 'job'>) =>
      run(async () => (await import('./commands/backfill.ts')).backfillCommand, { job, ...options }),
    );

  program.commandsGroup('Inspect and verify:');
  program
    .command('status')
    .description('show freshness and completeness of each job')
    .addOption(json())
    .action((options: { json: boolean }) =>
      run(async () => (await import('./commands/status.ts')).statusCommand, options),
    );
  program
    .command('gaps')
    .description('list missing windows')
    .addArgument(oneJob())
    .option('--fill', 'retry them now', false)
    .addOption(json())
    .action((job: string | undefined, options: { fill: boolean; json: boolean }) =>
      run(async () => (await import('./commands/gaps.ts')).gapsCommand, { ...named(job), ...options }),
    );
  program
    .command('reconcile')
    .description("compare stored sums with the provider's totals")
    .addArgument(oneJob())
    .addOption(from())
    .addOption(to())
    .option('--fix', 're-read windows that differ', false)
    .option(
      '--drop-unreported',
      'with --fix: also set usage to zero that the provider no longer reports',
      false,
    )
    .option('--tolerance <percent>', 'largest accepted difference (default: 0)', percent, 0)
    .addOption(json())
    .action((job: string | undefined, options: Omit<ReconcileArguments, 'job'>) =>
      run(async () => (await import('./commands/reconcile.ts')).reconcileCommand, {
        ...named(job),
        ...options,
      }),
    );
  const alerts = program
    .command('alerts')
    .description('list open and recent incidents')
    .helpCommand(false)
    .addOption(json())
    .action((options: { json: boolean }) =>
      run(async () => (await import('./commands/alerts-list.ts')).alertsListCommand, options),
    );
  alerts
    .command('show')
    .description('show an incident with its hours')
    .argument('<id>', 'id of the incident')
    .addOption(json())
    .action((id: string, _: unknown, command: Command) =>
      run(async () => (await import('./commands/alerts-show.ts')).alertsShowCommand, {
        id,
        json: command.optsWithGlobals<{ json: boolean }>().json,
      }),
    );
  alerts
    .command('label')
    .description('say whether an incident was expected: then the series does not fire again at that size')
    .argument('<id>', 'id of the incident')
    .addArgument(new Argument('<label>').choices(['expected', 'real']))
    .action((id: string, label: LabelArguments['label']) =>
      run(async () => (await import('./commands/alerts-label.ts')).alertsLabelCommand, { id, label }),
    );
  alerts
    .command('replay')
    .description('show what would have fired on stored usage; sends nothing')
    .addOption(from().makeOptionMandatory())
    .addOption(to())
    .option('--rules <file>', 'file of alert rules (default: $TOKENTIDE_ALERTS or alerts.yaml)')
    .option('--zone <zone>', 'time zone of days and nights (default: that of the rules)')
    .addOption(json())
    .action((options: ReplayArguments, command: Command) =>
      run(async () => (await import('./commands/alerts-replay.ts')).alertsReplayCommand, {
        ...options,
        json: command.optsWithGlobals<{ json: boolean }>().json,
      }),
    );

  program.commandsGroup('Set up:');
  program
    .command('demo')
    .description('collect from simulated providers; needs no account and no network')
    .option(
      '--influx <url>',
      'write to an InfluxDB of yours; what the options below leave out is taken from the INFLUX_ variables',
    )
    .option('--token <token>', 'visible in the process list: INFLUX_TOKEN or INFLUX_TOKEN_FILE is safer')
    .option('--org <name>', 'organisation, 2.x')
    .option('--bucket <name>', 'bucket, 2.x and 3.x')
    .addOption(new Option('--database <name>', 'database, 1.x').conflicts(['token', 'org', 'bucket']))
    .option('--remove', 'remove everything with the account demo from that InfluxDB, then exit')
    .action((options: DemoArguments) =>
      run(async () => (await import('./commands/demo.ts')).demoCommand, options),
    );
  program
    .command('check')
    .description('validate the configuration, then call each provider and test the store')
    .argument('[job...]', 'job names (default: all enabled jobs)')
    .addOption(json())
    .action((jobs: string[], options: { json: boolean }) =>
      run(async () => (await import('./commands/check.ts')).checkCommand, { jobs, ...options }),
    );
  program
    .command('notify')
    .description('send a test message to a channel and print what the server answered')
    .addArgument(new Argument('<action>', 'what to do').choices(['test']))
    .argument('<channel>', 'name of the channel')
    .option('--alerts <file>', 'file of alert rules and channels (default: $TOKENTIDE_ALERTS or alerts.yaml)')
    .addOption(
      new Option('--severity <severity>', 'page also mentions people')
        .choices(['notice', 'page'])
        .default('notice'),
    )
    .option('--closed', 'send the message that closes the test', false)
    .action((_: string, channel: string, options: Omit<NotifyArguments, 'channel'>) =>
      run(async () => (await import('./commands/notify.ts')).notifyCommand, { channel, ...options }),
    );
  program
    .command('migrate')
    .description('apply a changed bucket, zone, account or store to stored points')
    .argument('<job>', 'job name')
    .addOption(new Option('--keep-old', 'keep the points stored before the change').conflicts('dropOld'))
    .addOption(
      new Option('--drop-old', 'delete the points stored before the change and collect them again').conflicts(
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
    .option('--points', 'print all measurements with their tags and fields instead')
    .addOption(new Option('--alerts', 'print the JSON schema of alerts.yaml instead').conflicts('points'))
    .action((options: SchemaArguments) =>
      run(async () => (await import('./commands/schema.ts')).schemaCommand, options),
    );

  program.helpCommand('help [command]', 'show help for a command');

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
  return new Option('--json', 'print JSON').default(false);
}

function from(): Option {
  return new Option('--from <time>', 'start: 2026-10-01, 2026-10-01T08:00:00+08:00, or an age: 30d');
}

function to(): Option {
  return new Option('--to <time>', 'end, exclusive (default: now)');
}

function oneJob(): Argument {
  return new Argument('[job]', 'job name (default: all enabled jobs)');
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
  // `tokentide ... | head` closes the pipe early; that is not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  process.exitCode = await main(process.argv, process);
}
