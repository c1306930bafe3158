import { afterEach, expect, it } from 'vitest';
import { sigcal } from '../../../src/providers/sigcal/index.ts';
import { rough } from '../../../src/simulator/faults.ts';
import type { Simulator } from '../../../src/simulator/server.ts';
import { ucloudFields, ucloudSimulator } from '../../../src/simulator/ucloud.ts';
import { createWorld, officeHours } from '../../../src/simulator/world.ts';
import { connectTo, readAll, recordsOf, truthOf } from '../../support/simulated.ts';

const START = Date.parse('2026-09-28T00:00:00+08:00') / 1000;
const WEEK = { start: START, end: START + 7 * 86_400 };
const NOW = WEEK.end + 86_400;
const KEYS = ['web', 'mobile'].map((name) => ({ id: `uminferapikey-${name}`, name }));

let simulator: Simulator;
afterEach(() => simulator.close());

it.each([
  { name: 'no faults', share: 0 },
  { name: 'random faults', share: 0.3 },
])('reads exactly what is there: $name', async ({ share }) => {
  const world = createWorld(
    officeHours({
      seed: 5,
      ...WEEK,
      series: KEYS.map(({ id }) => ({ key: id, model: 'gpt-oss-120b' })),
      perHour: 5,
      fields: ucloudFields,
    }),
  );
  simulator = await ucloudSimulator({
    world,
    brand: 'SigCal Cloud',
    now: () => NOW * 1000,
    publicKey: 'public-key',
    privateKey: 'private-key',
    maxWindowSeconds: 10 * 3600,
    keys: KEYS,
    rowsPer: 'hour',
    faults: rough(1, share),
  });
  const options = { public_key: 'public-key', private_key: 'private-key', base_url: simulator.url };

  const answers = await readAll(sigcal, connectTo(sigcal, options), WEEK, '1h');

  expect(recordsOf(answers)).toEqual(truthOf(world, WEEK, '1h', 'Asia/Shanghai', ['key', 'model'], NOW));
});
