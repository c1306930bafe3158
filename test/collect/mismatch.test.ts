import { describe, expect, it } from 'vitest';
import type { ReadRequest } from '../../src/providers/provider.ts';
import { between, seeded } from '../../src/simulator/random.ts';
import { DAY, eventsOf, fixture, HOUR, intercept, MINUTE, START, type Fixture } from './fixture.ts';

const LOOKBACK = DAY;
const USERS = ['ann', 'bob', 'cat', 'dan'];

/** A vendor of totals whose answers hold seven tokens too many for ranges that `isWrong` says. */
function brokenVendor(isWrong: (request: ReadRequest) => boolean): Fixture {
  const f = fixture({ reads: 'totals', lookback: LOOKBACK, users: USERS, batchSize: 2 });
  intercept(f, (source) => ({
    read: async (request) => {
      const { records } = await source.read(request);
      if (!isWrong(request) || !request.partitions.some(({ id }) => id === 'ann')) return { records };
      const surplus = {
        time: request.window.start,
        tags: { user: 'ann', model: 'm1' },
        fields: { input_tokens: 7 },
      };
      return { records: [...records, surplus] };
    },
  }));
  return f;
}

const length = ({ window }: ReadRequest): number => window.end - window.start;
const mismatches = ({ ledger }: Fixture): number => ledger.counters.of('test').mismatches ?? 0;

function use(f: Fixture, days: number): void {
  for (let hour = 9; hour < days * 24; hour += 5) {
    for (const user of ['ann', 'bob']) f.use(user, START + hour * HOUR + 10, hour);
  }
}

describe('a total that is not the sum of its parts', () => {
  it('is reported, and the parts are stored', async () => {
    const f = brokenVendor((request) => length(request) > 6 * HOUR);
    use(f, 1);

    await f.pollUntil(START + DAY, HOUR);

    expect(f.stored()).toEqual(f.truth());
    expect(mismatches(f)).toBeGreaterThan(0);
    const [event] = eventsOf(f, 'mismatch');
    expect(Number(event!.whole) - Number(event!.parts)).toBe(7);
  });

  it('is reported for final ranges as well, where halves are inferred by subtraction', async () => {
    const f = brokenVendor((request) => length(request) > 6 * DAY);
    use(f, 12);

    await f.pollAfter(20 * DAY);

    expect(f.stored()).toEqual(f.truth());
    expect(mismatches(f)).toBe(1);
  });

  it('does not change the stored points of a final range that is read again', async () => {
    const f = brokenVendor((request) => length(request) > 3 * DAY);
    use(f, 12);
    await f.pollAfter(12 * DAY);
    f.store.written = 0;
    f.ledger.checkpoints.remove('test', [{ start: 0, end: Infinity }]);

    await f.pollAfter(20 * DAY);

    expect(f.stored()).toEqual(f.truth());
    expect(f.store.written).toBe(0);
    expect(mismatches(f)).toBeGreaterThan(0);
  });

  it('is not reported while usage still arrives between two requests', async () => {
    const f = fixture({ reads: 'totals', lookback: LOOKBACK, users: USERS, batchSize: 1 });
    const random = seeded(1);
    for (let second = 0; second < 12 * HOUR; second += 30) {
      f.use(USERS[(second / 30) % 4]!, START + second, 1 + (second % 7), between(random, 0, 40 * MINUTE));
    }
    f.vendor.before = () => {
      f.now += 20;
    };

    await f.pollUntil(START + 12 * HOUR, 15 * MINUTE);
    const during = mismatches(f);
    await f.pollUntil(START + 14 * HOUR + LOOKBACK, HOUR);

    expect(during).toBe(0);
    expect(mismatches(f)).toBe(0);
    expect(f.stored()).toEqual(f.truth());
  });
});
