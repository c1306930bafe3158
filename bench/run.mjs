// `npm run bench`: everything, written to docs/performance.md; `npm run bench -- serialise start`: only these, printed.
import { writeFileSync } from 'node:fs';
import { setup as build } from '../scripts/build.mjs';
import { describeMachine, toMarkdown, toTable } from './report.mjs';

const PARTS = {
  serialise: async () => {
    const { benchSerialise } = await import('./serialise.mjs');
    const { ratio, perSecond, clientPerSecond } = await benchSerialise();
    return [
      row('Serialise', `${millions(perSecond)} points/s`, '>= 1.5 M points/s', perSecond >= 1.5e6),
      row(
        `… against the client's Point`,
        `${ratio.toFixed(1)}x (it: ${millions(clientPerSecond)}/s)`,
        '>= 5x',
        ratio >= 5,
      ),
    ];
  },
  pipeline: async () => {
    const { benchPipeline } = await import('./pipeline.mjs');
    const { ratio, share, perSecond, clientPerSecond, barePerSecond } = await benchPipeline();
    return [
      row('Answer to acknowledged write', `${millions(perSecond)} points/s`, '', true),
      row(
        `… against the client's default path`,
        `${ratio.toFixed(1)}x (it: ${millions(clientPerSecond)}/s)`,
        '>= 3x',
        ratio >= 3,
      ),
      row(
        'Share of the bare limit',
        `${percent(share)} (it: ${millions(barePerSecond)}/s)`,
        '>= 60 %',
        share >= 0.6,
      ),
    ];
  },
  poll: async () => {
    const { benchUnchangedPoll } = await import('./poll.mjs');
    const { milliseconds, bareMilliseconds, lines, series } = await benchUnchangedPoll();
    if (lines !== 0) throw new Error(`an unchanged poll wrote ${lines} lines`);
    return [
      row(
        `Unchanged poll of ${series} series`,
        `${milliseconds.toFixed(0)} ms CPU`,
        '<= 50 ms CPU',
        milliseconds <= 50,
      ),
      row('… its calls alone, by fetch and JSON.parse', `${bareMilliseconds.toFixed(0)} ms CPU`, '', true),
      row('… lines written', String(lines), '0', lines === 0),
    ];
  },
  backfill: async () => {
    const { benchBackfillMemory } = await import('./memory.mjs');
    const { points, peak, growth } = await benchBackfillMemory();
    return [
      row(`Backfill of ${millions(points)} points, peak memory`, megabytes(peak), '<= 160 MB', peak <= 160),
      row('… growth', percent(growth), 'flat: <= 10 %', growth <= 0.1),
    ];
  },
  idle: async () => {
    const { benchIdleMemory } = await import('./memory.mjs');
    const { idle, floor } = await benchIdleMemory();
    return [
      row('Idle memory', megabytes(idle), '<= 80 MB', idle <= 80),
      row('… Node with fetch, zones and SQLite loaded, idle', megabytes(floor), '', true),
    ];
  },
  start: async () => {
    const { benchStart } = await import('./start.mjs');
    const { milliseconds, nodeMilliseconds } = await benchStart();
    return [
      row('Start to first request', `${milliseconds.toFixed(0)} ms`, '<= 400 ms', milliseconds <= 400),
      row('… `node -e 0`', `${nodeMilliseconds.toFixed(0)} ms`, '', true),
    ];
  },
  series: async () => {
    const { benchSeries } = await import('./series.mjs');
    const { cold, warm, afterPoll, series, days } = await benchSeries();
    return [
      row(`${days} days of ${series} series by model, SQLite`, ms(warm), '<= 150 ms', warm <= 150),
      row('… after a poll has changed the last hours', ms(afterPoll), '', true),
      row('… first query after a start', ms(cold), '', true),
    ];
  },
};

function row(what, measured, target, met) {
  return { what, measured, target, met };
}

function millions(value) {
  return `${(value / 1e6).toFixed(2)} M`;
}

function percent(value) {
  return `${(value * 100).toFixed(0)} %`;
}

function ms(value) {
  return `${value.toFixed(0)} ms`;
}

function megabytes(value) {
  return `${value.toFixed(0)} MB`;
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in PARTS));
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`);
  process.exit(2);
}
await build();
const machine = describeMachine();
console.log(machine);
const rows = [];
for (const [name, bench] of Object.entries(PARTS)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  try {
    rows.push(...(await bench()));
  } catch (error) {
    console.error(`${name} FAILED: ${error.stack}`);
    process.exit(1);
  }
}
console.log(toTable(rows));
if (asked.length === 0) {
  writeFileSync(new URL('../docs/performance.md', import.meta.url), toMarkdown(rows, machine));
  console.log('written to docs/performance.md');
}
