import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { between, seeded } from '../../src/simulator/random.ts';
import { until } from '../support/process.ts';
import { createPlace, integrityOf, storedSums, trueSums, type Place } from './support/place.ts';
import { anHourAgo, DAY, startVendor, type Vendor, type VendorId } from './support/vendor.ts';

/** `KILLS=50` takes a minute, for a nightly run. */
const KILLS = Number(process.env['KILLS'] ?? 20);
/** The companies go on working meanwhile, so that every life of the collector finds something to write. */
const LIVE_SECONDS = KILLS * 0.75;
const MOST_OF_THEM = Math.round(KILLS * 0.44);

interface Victim {
  readonly place: Place;
  readonly vendors: readonly Vendor[];
  readonly command: string;
  readonly kills: number;
  /** A life is over after so many calls at most. */
  readonly mostCalls: number;
  /** Unix seconds. */
  readonly start: number;
}

test(`killed at ${KILLS} random moments, then left alone: every sum is exact and every file sound`, async () => {
  const settled = Date.now() + LIVE_SECONDS * 1000;
  const victims = [
    await victim({ command: 'run', ids: ['ucloud', 'r9s'], days: 10, kills: MOST_OF_THEM, mostCalls: 12 }),
    await victim({
      command: 'collect',
      ids: ['sigcal', 'volcengine-ark'],
      days: 10,
      kills: MOST_OF_THEM,
      mostCalls: 12,
    }),
    await victim({
      command: 'collect',
      ids: ['trae'],
      days: 4,
      kills: KILLS - 2 * MOST_OF_THEM,
      mostCalls: 7,
    }),
  ];

  await Promise.all(victims.map(killAgainAndAgain));
  await until('the companies stop working', () => Date.now() > settled);
  const ends = await Promise.all(victims.map(({ place }) => place.run(['collect', '--json'])));

  expect(ends.map(({ code, stderr }) => [code, stderr])).toEqual(victims.map(() => [0, '']));
  for (const { place, vendors, start } of victims) {
    expect([integrityOf(place, 'ledger.sqlite'), integrityOf(place, 'usage.sqlite')]).toEqual(['ok', 'ok']);
    for (const vendor of vendors) {
      expect(await storedSums(place, vendor, start - DAY)).toEqual(trueSums(vendor, start));
    }
  }
}, 120_000);

async function victim({
  ids,
  days,
  ...how
}: Pick<Victim, 'command' | 'kills' | 'mostCalls'> & {
  ids: readonly VendorId[];
  days: number;
}): Promise<Victim> {
  const place = createPlace();
  const end = anHourAgo();
  const start = end - days * DAY;
  const vendors = await Promise.all(ids.map((id) => startVendor(id, { start, end, liveFor: LIVE_SECONDS })));
  for (const vendor of vendors) place.addJob(vendor, { start });
  return { place, vendors, start, ...how };
}

/** Kills the collector after a random number of calls and a random while: also between two calls, and before the first. */
async function killAgainAndAgain({ place, vendors, command, kills, mostCalls }: Victim): Promise<void> {
  const random = seeded(kills);
  const calls = (): number => vendors.reduce((sum, { simulator }) => sum + simulator.calls.length, 0);
  for (let killed = 0; killed < kills;) {
    const last = calls() + between(random, 0, mostCalls);
    const life = place.start([command]);
    await until('the calls of this life', () => calls() >= last || life.finished !== undefined);
    await delay(between(random, 0, 80));
    life.kill('SIGKILL');
    const { code, signal, stderr } = await life.ended;
    if (signal === 'SIGKILL') killed++;
    else expect([code, stderr]).toEqual([0, '']);
  }
}
