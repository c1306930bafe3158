import { expect, test } from 'vitest';
import type { Point } from '../../src/usage/point.ts';
import { createPlace, storedPoints, storedSums, trueSums } from './support/place.ts';
import { anHourAgo, DAY, startVendor, VENDORS } from './support/vendor.ts';

interface Collected {
  readonly job: string;
  readonly written: number;
  readonly unchanged: number;
  readonly gaps: number;
}

test('collecting again writes no usage and leaves every stored point as it is', async () => {
  const end = anHourAgo();
  const start = end - DAY;
  const place = createPlace();
  const vendors = await Promise.all(VENDORS.map((id) => startVendor(id, { start, end })));
  for (const vendor of vendors) place.addJob(vendor, { start });
  const stored = (): Promise<readonly Point[]> => storedPoints(place);

  const first = await place.run(['collect', '--json']);
  const before = await stored();
  const second = await place.run(['collect', '--json']);

  expect([first.stderr, second.stderr]).toEqual(['', '']);
  expect([first.code, second.code]).toEqual([0, 0]);
  expect((JSON.parse(first.stdout) as Collected[]).every(({ written }) => written > 0)).toBe(true);
  expect(
    (JSON.parse(second.stdout) as Collected[]).map(({ job, written, gaps }) => [job, written, gaps]),
  ).toEqual(VENDORS.toSorted().map((id) => [id, 0, 0]));
  expect(await stored()).toEqual(before);
  for (const vendor of vendors) {
    expect(await storedSums(place, vendor, start - DAY)).toEqual(trueSums(vendor, start));
  }
});
