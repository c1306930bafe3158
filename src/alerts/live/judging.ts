import { MEASUREMENT, type Point } from '../../usage/point.ts';
import { accountKey } from '../accounts.ts';
import { judgeAccount, type Account } from './judge-account.ts';
import type { JudgingOptions } from './options.ts';

/** Judges usage while it is collected. */
export interface Judging {
  /** Notes the hours of points that were stored. */
  stored(points: readonly Point[]): void;
  /** Judges the account of a job with what was stored since the last time. Never rejects. */
  afterPoll(job: string): Promise<void>;
  /** Ends what is running. */
  stop(): Promise<void>;
}

export function createJudging(options: JudgingOptions): Judging {
  const { jobs, onError, rulesFor } = options;
  const accounts = new Map<string, Account>();
  const stop = new AbortController();
  for (const job of jobs.filter(({ bucket }) => bucket === '1h')) {
    const tags = { provider: job.provider.id, account: job.account };
    const key = accountKey(tags);
    const others = accounts.get(key)?.jobs ?? [];
    accounts.set(key, {
      tags,
      jobs: [...others, job].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      rules: rulesFor(tags),
      touched: new Set(),
      readAgain: new Set(),
      running: Promise.resolve(),
      state: undefined,
    });
  }

  return {
    stored: (points) => {
      for (const { measurement = MEASUREMENT, tags, time } of points) {
        if (measurement === MEASUREMENT && tags.bucket === '1h')
          accounts.get(accountKey(tags))?.touched.add(time);
      }
    },
    afterPoll: (name) => {
      const account = [...accounts.values()].find((each) => each.jobs.some((job) => job.name === name));
      if (!account || stop.signal.aborted) return Promise.resolve();
      account.running = account.running
        .then(() => judgeAccount(account, options, stop.signal))
        .catch((error: unknown) => {
          if (!stop.signal.aborted) onError(name, error);
        });
      return account.running;
    },
    stop: async () => {
      stop.abort();
      await Promise.all([...accounts.values()].map(({ running }) => running));
    },
  };
}
