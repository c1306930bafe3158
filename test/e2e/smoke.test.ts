import { expect, test } from 'vitest';
import { createPlace, storedSums, trueSums } from './support/place.ts';
import { anHourAgo, DAY, startVendor, VENDORS } from './support/vendor.ts';

test('the built program collects all five providers, and the sums are exact', async () => {
  const end = anHourAgo();
  const start = end - DAY;
  const place = createPlace();
  const vendors = await Promise.all(VENDORS.map((id) => startVendor(id, { start, end })));
  for (const vendor of vendors) place.addJob(vendor, { start });

  const { code, stdout, stderr } = await place.run(['collect', '--json']);

  expect([code, stderr]).toEqual([0, '']);
  const jobs = (JSON.parse(stdout) as { job: string; gaps: number }[]).map(({ job, gaps }) => [job, gaps]);
  expect(jobs).toEqual(VENDORS.toSorted().map((id) => [id, 0]));
  for (const vendor of vendors) {
    expect(await storedSums(place, vendor, start - DAY)).toEqual(trueSums(vendor, start));
  }
});
