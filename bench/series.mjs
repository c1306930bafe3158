import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '../build/store/sqlite.js';
import { median } from './measure.mjs';
import { row, SERIES, START, toPoint } from './workload.mjs';

const HOUR = 3600;
const DAYS = 30;
const HOURS_PER_WRITE = 4;
const ROUNDS = 9;

/** A page that shows 30 days by model: from SQLite, once cold, then while polls correct the last hours. */
export async function benchSeries() {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-bench-'));
  const store = openSqliteStore(join(folder, 'usage.sqlite'));
  const end = START + DAYS * 24 * HOUR;
  const query = { start: START, end, step: 'day', zone: 'Asia/Shanghai', by: ['model'] };
  for (let hour = 0; hour < DAYS * 24; hour += HOURS_PER_WRITE)
    await store.write(hours(hour, HOURS_PER_WRITE));

  const cold = await timed(() => store.series(query));
  const warm = [];
  const afterPoll = [];
  for (let round = 0; round < ROUNDS; round++) {
    warm.push(await timed(() => store.series(query)));
    await store.write(hours(DAYS * 24 - 2, 2));
    afterPoll.push(await timed(() => store.series(query)));
  }
  const byUser = await timed(() =>
    store.series({ ...query, by: ['user'], top: { count: 10, field: 'input_tokens' } }),
  );
  await store.close();
  rmSync(folder, { recursive: true });
  return { cold, warm: median(warm), afterPoll: median(afterPoll), byUser, series: SERIES, days: DAYS };
}

const tags = new Map();

/** The points of some hours; those of a series share their tags, as in a poll. */
function hours(first, count) {
  const points = [];
  for (let hour = first; hour < first + count; hour++) {
    for (let i = 0; i < SERIES; i++) {
      const point = toPoint(row(i, hour));
      if (!tags.has(i)) tags.set(i, point.tags);
      points.push({ ...point, tags: tags.get(i) });
    }
  }
  return points;
}

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
