import { describe, expect, it } from 'vitest';
import { lateness } from '../../src/collect/status/lateness.ts';
import { jobStatus } from '../../src/collect/status/status.ts';
import { DAY, fixture, HOUR, MINUTE, START } from './fixture.ts';

describe('the status of a job', () => {
  it('counts closed, final and unread buckets', async () => {
    const f = fixture({ reads: 'series', lookback: DAY });
    await f.pollAfter(3 * DAY);
    f.now += 2 * HOUR + 10 * MINUTE;

    expect(jobStatus(f.ledger, f.context.job, f.now)).toMatchObject({
      readUntil: START + 3 * DAY,
      dataAge: 2 * HOUR + 10 * MINUTE,
      buckets: 3 * 24 + 2,
      final: 2 * 24,
      unread: 2,
      lookback: DAY,
    });
  });

  it('counts no final buckets before a start that has moved', async () => {
    const f = fixture({ reads: 'series', lookback: DAY });
    await f.pollAfter(3 * DAY);

    const status = jobStatus(f.ledger, { ...f.context.job, start: START + DAY }, f.now);

    expect(status).toMatchObject({ buckets: 2 * 24, final: 24 });
  });

  it('has nothing to count before the start', () => {
    const f = fixture({ reads: 'series', start: START + DAY });

    const status = jobStatus(f.ledger, f.context.job, f.now);

    expect(status).toMatchObject({ buckets: 0, final: 0, unread: 0 });
    expect(status.readUntil).toBeUndefined();
  });
});

describe('the recommended lookback', () => {
  it('is the age by which 99.9 % of the tokens had arrived', () => {
    const rows = [
      { age: 0, tokens: 9_000 },
      { age: HOUR, tokens: 980 },
      { age: 6 * HOUR, tokens: 10 },
      { age: DAY, tokens: 10 },
    ];

    expect(lateness(rows)).toEqual({ completeAfter: 6 * HOUR, share: 0.999, tokens: 10_000 });
    expect(lateness([...rows, { age: 2 * DAY, tokens: 1 }])).toMatchObject({ completeAfter: DAY });
  });

  it('needs 10,000 tokens', () => {
    expect(lateness([{ age: 0, tokens: 9_999 }])).toBeUndefined();
    expect(lateness([])).toBeUndefined();
  });
});
