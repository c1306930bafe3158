import { describe, expect, it } from 'vitest';
import { FetchError } from '../../src/fetch/errors.ts';
import { DAY, eventsOf, fixture, HOUR, intercept, START, type Fixture } from './fixture.ts';

const ENDS = ['exclusive', 'inclusive'] as const;

const rangeEnd = (f: Fixture): string | undefined => f.ledger.jobs.of('test')?.rangeEnd;

/** Requests shorter than a bucket: only the search for the end of ranges makes them. */
const probes = (f: Fixture): number =>
  f.vendor.requests.filter(({ start, end }) => (end - start) % HOUR !== 0 || start % HOUR !== 0).length;

describe.each(ENDS)('ranges whose end is %s', (end) => {
  it('are recognised from the answers, once', async () => {
    const f = fixture({ reads: 'totals', lookback: DAY });
    f.vendor.rangeEnd = end;
    for (let hour = 0; hour < 30 * 24; hour += 7) f.use('ann', START + hour * HOUR + 1234, 10);

    await f.pollAfter(30 * DAY);
    const before = probes(f);
    f.restart();
    await f.pollUntil(START + 31 * DAY, HOUR);

    expect(rangeEnd(f)).toBe(end);
    expect(eventsOf(f, 'range_end')).toEqual([]);
    expect(before).toBeLessThanOrEqual(25);
    expect(probes(f)).toBe(before);
    expect(f.stored()).toEqual(f.truth());
  });

  it.each<[string, ...number[]]>([
    ['the first second of a bucket', 0],
    ['the last second of a bucket', HOUR - 1],
    ['both sides of an edge', -1, 0],
    ['every second around an edge', -2, -1, 0, 1, 2],
  ])('are recognised from usage at %s', async (_, ...seconds) => {
    const f = fixture({ reads: 'totals', lookback: DAY });
    f.vendor.rangeEnd = end;
    for (const second of seconds) f.use('ann', START + 5 * HOUR + second, 10 + second);

    await f.pollUntil(START + 9 * HOUR, HOUR);

    expect(rangeEnd(f)).toBe(end);
    expect(f.stored()).toEqual(f.truth());
    expect(f.ledger.counters.of('test').mismatches ?? 0).toBe(0);
  });

  it('are recognised from usage in the first second of the job', async () => {
    const f = fixture({ reads: 'totals', lookback: DAY });
    f.vendor.rangeEnd = end;
    f.use('ann', START, 10);

    await f.pollUntil(START + 4 * HOUR, HOUR);

    expect(rangeEnd(f)).toBe(end);
    expect(f.stored()).toEqual(f.truth());
  });

  it('are not searched for without usage', async () => {
    const f = fixture({ reads: 'totals', lookback: DAY });
    f.vendor.rangeEnd = end;

    await f.pollUntil(START + DAY, HOUR);

    expect(rangeEnd(f)).toBeUndefined();
    expect(probes(f)).toBe(0);
  });

  it('are recognised if an empty range is refused', async () => {
    const f = fixture({ reads: 'totals', lookback: DAY });
    f.vendor.rangeEnd = end;
    intercept(f, (source) => ({
      read: (request) => {
        const sent = request.rangeEnd === 'inclusive' ? request.window.end - 1 : request.window.end;
        return sent <= request.window.start
          ? Promise.reject(new FetchError('refused', 'the end must come after the start'))
          : source.read(request);
      },
    }));
    for (let hour = 0; hour < 30; hour++) f.use('ann', START + hour * HOUR, 10);

    await f.pollUntil(START + 2 * DAY, HOUR);

    expect(rangeEnd(f)).toBe(end);
    expect(f.stored()).toEqual(f.truth());
  });

  it('are not searched for at every poll if short ranges are refused', async () => {
    const f = fixture({ reads: 'totals', lookback: DAY });
    f.vendor.rangeEnd = end;
    let short = 0;
    intercept(f, (source) => ({
      read: (request) => {
        if ((request.window.end - request.window.start) % HOUR === 0) return source.read(request);
        short += 1;
        return Promise.reject(new FetchError('refused', 'whole hours only'));
      },
    }));
    for (let hour = 0; hour < 30; hour++) f.use('ann', START + hour * HOUR + 10, 10);

    await f.pollUntil(START + 2 * DAY, HOUR);

    expect(rangeEnd(f)).toBeUndefined();
    expect(short).toBeLessThanOrEqual(3);
    expect(f.stored()).toEqual(f.truth());
  });
});
