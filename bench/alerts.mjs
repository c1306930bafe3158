// `npm run bench:alerts -- --seeds 1-5`: how well the detector finds what was planted in labelled years, and how fast
// it is. Printed, and written to docs/alert-quality.md. `--polls` judges the first of the years again as a running collector
// does, which takes some minutes; `--details` prints events that were missed and false entries.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { build } from 'esbuild';
import { setup } from '../scripts/build.mjs';
import { qualityToMarkdown, tableRows } from './alerts-report.mjs';
import { describeMachine } from './report.mjs';

const OURS = 'tokentide';

const options = parseOptions();
await setup();
const { createWorkCalendar } = await import('../build/alerts/calendar.js');
const { replay } = await import('../build/alerts/replay.js');
const { DEFAULT_RULES } = await import('../build/alerts/rules.js');
const { benchJudge } = await import('./alerts-speed.mjs');
const years = await bundledYears();

const machine = describeMachine();
console.log(machine);
const speed = await benchJudge();
const scores = Object.fromEntries([OURS, ...Object.keys(years.RIVALS)].map((name) => [name, []]));
const seconds = [];
for (let seed = options.first; seed <= options.last; seed++) judgeYear(seed);
const measures = Object.entries(scores).map(([name, ofSeeds]) => column(name, years.sumScores(ofSeeds)));
printTable(measures);
const rules = falseByRule(years.sumScores(scores[OURS]));
console.log(`false, per 100 series and week: ${rules}`);
const polls = options.polls ? await judgePolls(options.first) : undefined;
console.log(speed, `${seconds.map((each) => each.toFixed(1)).join(' ')} s per year`);
writeFileSync(
  new URL('../docs/alert-quality.md', import.meta.url),
  qualityToMarkdown({ measures, rules, polls, seeds: options, machine, speed: { ...speed, seconds } }),
);
console.log('written to docs/alert-quality.md');

function column(name, score, lag = 0) {
  return { name, measures: years.summarise(score, lag) };
}

function judgeYear(seed) {
  const year = years.labelledYear(seed);
  const start = process.cpuUsage();
  const entries = replay({
    series: year.series,
    from: year.hours.start,
    to: year.to,
    zone: year.zone,
    rules: DEFAULT_RULES,
    calendar: calendarOf(year),
  });
  seconds.push(cpuSeconds(start));
  scores[OURS].push(years.score(year, entries));
  for (const rule of Object.keys(years.RIVALS))
    scores[rule].push(years.score(year, years.replayRival(year, rule)));
  console.log(`seed ${seed}: ${year.events.length} events, ${entries.length} incidents`);
  if (options.details) printDetails(year, entries);
}

async function judgePolls(seed) {
  const { pollYear } = await import('./alerts-polls.mjs');
  const year = years.labelledYear(seed);
  const score = years.score(year, await pollYear(years, year, calendarOf(year)));
  const columns = [
    column('by the hour', scores[OURS][seed - options.first]),
    column('by polls', score, years.POLL_LAG),
  ];
  printTable(columns);
  return { seed, measures: columns };
}

function calendarOf({ zone, calendar }) {
  return createWorkCalendar(zone === 'Asia/Shanghai' ? { country: 'cn' } : { country: 'none', ...calendar });
}

function printDetails(year, entries) {
  const found = years.score(year, entries).events;
  for (const [i, { kind, size, big, leaf, start, end, extra }] of year.events.entries())
    if (found[i].delay === undefined)
      console.log(
        'missed',
        kind,
        size,
        big ? 'big' : '',
        leaf.shape,
        leaf.name,
        iso(start),
        iso(end),
        Math.max(...extra),
      );
  const judged = entries.filter(({ start }) => start >= year.from);
  for (const { rule, severity, start, end, text } of years.explain(year, judged).wrong)
    console.log('false', severity, rule, iso(start), iso(end), text);
}

/** False incidents of each rule, per 100 series and week. */
function falseByRule({ wrong, leafWeeks }) {
  const counts = new Map();
  for (const { severity, rule } of wrong) {
    const name = `${rule} (${severity})`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${((100 * count) / leafWeeks).toFixed(2)}`)
    .join(', ');
}

function iso(time) {
  return new Date(time * 1000).toISOString().slice(0, 13);
}

function cpuSeconds(start) {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

function printTable(detectors) {
  const table = new Table({
    head: ['', ...detectors.map(({ name }) => name), 'target', ''],
    colWidths: [null, ...detectors.map(() => 14)],
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  });
  table.push(...tableRows(detectors));
  console.log(table.toString());
}

/** The generator is TypeScript of the test tree. */
async function bundledYears() {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-bench-'));
  const outfile = join(folder, 'years.mjs');
  await build({
    entryPoints: [new URL('../test/alerts/years/index.ts', import.meta.url).pathname],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
  });
  const module = await import(outfile);
  rmSync(folder, { recursive: true });
  return module;
}

/** @throws RangeError, TypeError */
function parseOptions() {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1-5' },
      polls: { type: 'boolean', default: false },
      details: { type: 'boolean', default: false },
    },
  });
  const [first, last = first] = values.seeds.split('-').map(Number);
  if (!(first >= 1 && last >= first)) throw new RangeError(`--seeds: not a range: ${values.seeds}`);
  return { ...values, first, last };
}
