import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { FetchError } from '../../../src/fetch/errors.ts';
import { ucloud } from '../../../src/providers/ucloud/index.ts';
import { FAULTS, rough, script } from '../../../src/simulator/faults.ts';
import type { Simulator } from '../../../src/simulator/server.ts';
import {
  PLAINTEXT_KEY,
  ucloudFields,
  ucloudSimulator,
  type UcloudSimulatorOptions,
} from '../../../src/simulator/ucloud.ts';
import { createWorld, officeHours } from '../../../src/simulator/world.ts';
import type { Tag } from '../../../src/usage/point.ts';
import type { Window } from '../../../src/windows/window.ts';
import {
  atTheEdges,
  connectTo,
  droppedOf,
  readAll,
  recordsOf,
  sorted,
  truthOf,
} from '../../support/simulated.ts';

const DAY = 86_400;
/** A Monday, midnight in Beijing. */
const START = Date.parse('2026-09-28T00:00:00+08:00') / 1000;
const WEEK = { start: START, end: START + 7 * DAY };
const NOW = WEEK.end + DAY;
const ZONE = 'Asia/Shanghai';
const BY: readonly Tag[] = ['key', 'model'];
const PRIVATE_KEY = 'canary-private-key';
const KEYS = ['backend', 'batch', 'idle'].map((name) => ({ id: `uminferapikey-${name}`, name }));
const MODELS = ['deepseek-ai/DeepSeek-V3', 'Qwen/Qwen3-Coder'];

const hours = Array.from({ length: 7 * 24 }, (_, hour) => START + hour * 3600);
const world = createWorld([
  ...officeHours({
    seed: 7,
    ...WEEK,
    series: KEYS.slice(0, 2).flatMap(({ id }) => MODELS.map((model) => ({ key: id, model }))),
    perHour: 3,
    fields: ucloudFields,
  }),
  ...atTheEdges(hours, { tags: { key: KEYS[0]!.id, model: MODELS[0]! }, fields: ucloudFields(70, 7) }),
]);

let simulator: Simulator;
afterEach(() => simulator.close());

async function start(options: Partial<UcloudSimulatorOptions> = {}): Promise<void> {
  simulator = await ucloudSimulator({
    world,
    now: () => NOW * 1000,
    publicKey: 'public-key',
    privateKey: PRIVATE_KEY,
    maxWindowSeconds: 10 * DAY,
    keys: KEYS,
    rowsPer: 'hour',
    ...options,
  });
}

function connect(options: Readonly<Record<string, unknown>> = {}, attempts?: number) {
  const credentials = { public_key: 'public-key', private_key: PRIVATE_KEY };
  return connectTo(
    ucloud,
    { ...credentials, base_url: simulator.url, ...options },
    attempts === undefined ? {} : { attempts },
  );
}

describe('ucloud against the simulator', () => {
  it.each<{ name: string; bucket: '1h' | '1d'; simulated: Partial<UcloudSimulatorOptions> }>([
    { name: 'hours', bucket: '1h', simulated: {} },
    { name: 'hours from minutes', bucket: '1h', simulated: { rowsPer: 'minute', unit: 'milliseconds' } },
    { name: 'hours in halves', bucket: '1h', simulated: { maxWindowSeconds: 5 * 3600 } },
    { name: 'hours where EndTime is inclusive', bucket: '1h', simulated: { rangeEnd: 'inclusive' } },
    { name: 'days from hours', bucket: '1d', simulated: { rangeEnd: 'inclusive' } },
    { name: 'days from days', bucket: '1d', simulated: { rowsPer: 'day' } },
  ])('reads $name exactly', async ({ bucket, simulated }) => {
    await start(simulated);

    const answers = await readAll(ucloud, connect(), WEEK, bucket);

    expect(recordsOf(answers)).toEqual(truthOf(world, WEEK, bucket, ZONE, BY, NOW));
  });

  it('does not count the rows as discarded that an inclusive server adds at the end of a window', async () => {
    await start({ rangeEnd: 'inclusive' });
    const noon = START + 12 * 3600;
    expect(world.events.filter(({ time }) => time === noon)).not.toEqual([]);

    const answers = await readAll(ucloud, connect(), { start: START, end: noon }, '1h');

    expect(recordsOf(answers).filter(({ time }) => time >= noon)).toEqual([]);
    expect(droppedOf(answers, 'outside_window')).toBe(0);
  });

  it('reads totals without rows one bucket at a time, and by model if models are listed', async () => {
    await start({ totalsOnly: true });
    const source = connect();
    const window = { start: START, end: START + DAY };

    const byKey = await readAll(ucloud, source, window, '1h');
    const byModel = await readAll(ucloud, connect({ models: MODELS }), window, '1h');

    expect(recordsOf(byKey)).toEqual(truthOf(world, window, '1h', ZONE, ['key'], NOW));
    expect(recordsOf(byModel)).toEqual(truthOf(world, window, '1h', ZONE, BY, NOW));
    expect(source.warnings?.().join()).toContain('totals without rows');
  });

  it.each([1, 2, 3])('reads exact sums despite faults (seed %i)', async (seed) => {
    await start({ faults: rough(seed, 0.3), maxWindowSeconds: 20 * 3600 });

    const answers = await readAll(ucloud, connect(), WEEK, '1h');

    expect(recordsOf(answers)).toEqual(truthOf(world, WEEK, '1h', ZONE, BY, NOW));
  });

  it('lists every key once despite shifted pages and repeated rows', async () => {
    const keys = Array.from({ length: 205 }, (_, i) => ({ id: `uminferapikey-${i}`, name: `key ${i}` }));
    await start({ keys, faults: script(undefined, 'shifting_pages', 'duplicate_rows') });

    const partitions = await connect().partitions(new AbortController().signal);

    expect(partitions.map(({ tags }) => tags?.key)).toEqual(keys.map(({ id }) => id));
    expect(simulator.calls).toHaveLength(3);
  });

  it('tags the keys of several projects with their project', async () => {
    const keys = KEYS.map((key, i) => ({ ...key, project: `org-${i % 2}` }));
    await start({ keys });

    const answers = await readAll(ucloud, connect({ projects: ['org-0', 'org-1'] }), WEEK, '1d');

    const projects = new Map(recordsOf(answers).map(({ tags }) => [tags.key, tags.project]));
    expect(projects).toEqual(
      new Map([
        [KEYS[0]!.id, 'org-0'],
        [KEYS[1]!.id, 'org-1'],
      ]),
    );
  });

  it.each(['exclusive', 'inclusive'] as const)(
    'returns totals of whole days, EndTime %s',
    async (rangeEnd) => {
      await start({ rangeEnd, rowsPer: 'minute' });
      const source = connect();
      const { signal } = new AbortController();
      const partitions = await source.partitions(signal);

      const totals = await source.totals?.({ window: WEEK, bucket: '1h', zone: ZONE, partitions, signal });

      expect(sorted(totals ?? [])).toEqual(truthOf(world, WEEK, '1d', ZONE, ['key'], NOW));
    },
  );

  const night = START;
  const windows: Record<string, Window> = {
    'an hour': { start: START + 10 * 3600, end: START + 11 * 3600 },
    'the first hour of a day': { start: START, end: START + 3600 },
    'a day': { start: START, end: START + DAY },
  };
  it.each(
    Object.keys(windows).flatMap((name) => [
      { name, wholeRows: true },
      { name, wholeRows: false },
    ]),
  )('refuses rows of days for buckets of 1h: $name, whole rows $wholeRows', async ({ name, wholeRows }) => {
    const series = { tags: { key: KEYS[0]!.id, model: MODELS[0]! }, fields: ucloudFields(10, 1) };
    const hours = [night, START + 10 * 3600].map((time) => ({
      ...series,
      id: `${time}`,
      time,
      visibleAt: time,
    }));
    await start({ rowsPer: 'day', wholeRows, world: createWorld(hours) });

    const error = await readAll(ucloud, connect(), windows[name]!, '1h').catch((caught: unknown) => caught);

    expect(error).toMatchObject({ kind: 'refused', hint: 'Set `bucket: 1d` in the job.' });
  });

  it('refuses rows of days for the days of another zone', async () => {
    await start({ rowsPer: 'day' });
    const window = { start: START + 8 * 3600, end: START + 8 * 3600 + DAY };

    const error = await readAll(ucloud, connect(), window, '1d', 'UTC').catch((caught: unknown) => caught);

    expect(error).toMatchObject({ kind: 'refused', hint: 'Set `zone: Asia/Shanghai` in the job.' });
  });

  it('refuses rows of hours for buckets that begin within an hour', async () => {
    await start();
    const window = { start: START + 12 * 3600 + 1800, end: START + DAY + 1800 };

    const error = await readAll(ucloud, connect(), window, '1h', 'Asia/Kolkata').catch(
      (caught: unknown) => caught,
    );

    expect(error).toMatchObject({ kind: 'refused', message: expect.stringContaining('Asia/Kolkata') });
  });

  it('accepts rows of hours that are all in the first hour of a day', async () => {
    const series = { tags: { key: KEYS[0]!.id, model: MODELS[0]! }, fields: ucloudFields(10, 1) };
    await start({ world: createWorld([{ ...series, id: 'a', time: START, visibleAt: START }]) });
    const source = connect();

    const answers = await readAll(ucloud, source, windows['a day']!, '1h');

    expect(recordsOf(answers)).toEqual([{ time: START, ...series }]);
    expect(source.warnings?.()).toEqual([]);
  });

  it('reports that the action may have been withdrawn', async () => {
    await start({ withdrawn: true });

    const error = await readAll(ucloud, connect(), WEEK, '1h').catch((caught: unknown) => caught);

    expect(error).toMatchObject({ kind: 'refused', code: '161', hint: expect.stringContaining('withdrawn') });
  });

  it('never shows a plain-text key in partitions, records or errors', async () => {
    await start();
    const seen: unknown[] = [await connect().partitions(new AbortController().signal)];
    seen.push(await readAll(ucloud, connect(), WEEK, '1d'));

    for (const fault of FAULTS) {
      simulator.faults(() => fault);
      seen.push(
        await connect({}, 1)
          .partitions(new AbortController().signal)
          .catch((caught: unknown) => caught),
      );
    }

    expect(seen.filter((value) => value instanceof FetchError).length).toBeGreaterThan(4);
    const shown = seen.map((value) => inspect(value, { depth: 20, showHidden: true })).join('\n');
    expect(shown).not.toContain(PLAINTEXT_KEY);
    expect(shown).not.toContain(PRIVATE_KEY);
  });
});
