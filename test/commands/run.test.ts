import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { logOf, until, urlOf } from '../support/process.ts';
import { createPlace } from '../e2e/support/place.ts';
import { anHourAgo, DAY, startVendor } from '../e2e/support/vendor.ts';

test('logs enabled jobs, disabled jobs with the missing variable, and the store', async () => {
  const start = anHourAgo() - DAY;
  const place = createPlace();
  place.addJob(await startVendor('ucloud', { start, end: anHourAgo() }), { start });
  const off = 'provider: r9s\noptions: { management_key: "${R9S_MANAGEMENT_KEY}" }\n';
  writeFileSync(join(place.folder, 'jobs/r9s.yaml'), off);

  const daemon = place.start(['run']);
  const url = await urlOf(daemon);
  daemon.kill('SIGTERM');
  const { code, stderr } = await daemon.ended;

  expect([code, stderr]).toEqual([0, '']);
  expect(logOf(daemon)).toMatchObject([
    { level: 'info', msg: 'job enabled', job: 'ucloud', provider: 'ucloud', bucket: '1h' },
    { level: 'warn', msg: 'job disabled', job: 'r9s', reason: 'R9S_MANAGEMENT_KEY is not set' },
    { level: 'info', msg: 'collecting', store: 'SQLite file data/usage.sqlite', url },
    { level: 'info', msg: expect.stringMatching(/^stopping: /) },
    { level: 'info', msg: 'stopped' },
  ]);
});

test('variables of .env apply, and the environment takes precedence', async () => {
  const start = anHourAgo() - DAY;
  const place = createPlace();
  const vendor = await startVendor('ucloud', { start, end: anHourAgo() });
  place.addJob(vendor, { start });
  const dotEnv = { ...vendor.env, TOKENTIDE_DATA: './elsewhere', TOKENTIDE_LOG_LEVEL: 'debug' };
  for (const name of Object.keys(vendor.env)) delete place.env[name];
  const lines = Object.entries(dotEnv).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(place.folder, '.env'), lines.join(''));

  const daemon = place.start(['run'], { TOKENTIDE_LOG_LEVEL: 'info' });
  const url = await urlOf(daemon);
  await until('it has polled', async () => (await fetch(`${url}/readyz`)).ok, { by: daemon });

  expect(logOf(daemon).find(({ msg }) => msg === 'collecting')).toMatchObject({
    store: 'SQLite file elsewhere/usage.sqlite',
  });
  expect(logOf(daemon).filter(({ level }) => level === 'debug')).toEqual([]);
});
