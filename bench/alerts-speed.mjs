import { setImmediate } from 'node:timers/promises';
import { hourTable, createWorkCalendar } from '../build/alerts/calendar.js';
import { createJudge } from '../build/alerts/judge.js';
import { DEFAULT_RULES } from '../build/alerts/rules.js';
import { between, seededBy } from '../build/simulator/random.js';
import { median } from './measure.mjs';

const SERIES = 3_000;
const PER_ACCOUNT = 1_000;
/** What the detector remembers. */
const HOURS = 35 * 24;
const TIMED = 7 * 24;
const START = Date.parse('2026-03-01T16:00:00Z') / 1000;

/** CPU time of judging one hour of 3,000 series, and the memory of their state. */
export async function benchJudge() {
  const hours = hourTable(START, HOURS, 'Asia/Shanghai', createWorkCalendar());
  const before = await used();
  const series = usage();
  const judge = createJudge(series, hours, DEFAULT_RULES);
  for (let hour = 0; hour < HOURS - TIMED; hour++) judge.closeHour(hour);
  const times = { first: [], other: [] };
  for (let hour = HOURS - TIMED; hour < HOURS; hour++) {
    const start = process.cpuUsage();
    judge.closeHour(hour);
    const { user, system } = process.cpuUsage(start);
    times[hours.hour[hour] === 0 ? 'first' : 'other'].push((user + system) / 1000);
  }
  const megabytes = ((await used()) - before) / 2 ** 20;
  return {
    series: judge.subjects.length,
    milliseconds: median(times.other),
    firstOfDay: median(times.first),
    megabytes,
  };
}

/** Users of three accounts, each account with its total. */
function usage() {
  const leaves = Array.from({ length: SERIES - SERIES / PER_ACCOUNT }, (_, i) => {
    const random = seededBy('speed', i);
    const level = between(random, 20_000, 500_000);
    const tokens = Float64Array.from({ length: HOURS }, (_, hour) =>
      hour % 24 >= 9 && hour % 24 <= 19 && random() > 0.2 ? Math.round(level * (0.4 + 1.2 * random())) : 0,
    );
    const tags = { provider: 'trae', account: `account-${i % 3}`, user: `user${i}@example.com` };
    return { scope: 'user', tags, start: START, tokens };
  });
  const totals = [0, 1, 2].map((account) => {
    const tokens = new Float64Array(HOURS);
    for (let i = account; i < leaves.length; i += 3)
      for (let hour = 0; hour < HOURS; hour++) tokens[hour] += leaves[i].tokens[hour];
    return {
      scope: 'account',
      tags: { provider: 'trae', account: `account-${account}` },
      start: START,
      tokens,
    };
  });
  return [...leaves, ...totals];
}

async function used() {
  // Memory of typed arrays is freed after the collection that finds them unused.
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await setImmediate();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
