import { defineProvider, USAGE, type Provider } from '../provider.ts';
import { dialectOptions } from './options.ts';
import { ZONE } from './row-width.ts';
import { connect } from './source.ts';

/** The differences between brands of this cloud. */
export interface Brand {
  readonly id: string;
  readonly title: string;
  readonly docsUrl: string;
  readonly baseUrl: string;
}

/** The provider of one brand. */
export function dialectProvider({ id, title, docsUrl, baseUrl }: Brand): Provider {
  return defineProvider({
    id,
    title,
    docsUrl,
    options: dialectOptions(baseUrl),
    zone: ZONE,
    // A range of ten days or more exceeds the server's 60 s limit; a day is fastest.
    buckets: () => ({ '1h': { maxDays: 1 }, '1d': { maxDays: 1 } }),
    datasets: [USAGE],
    rate: {
      perSecond: 5,
      concurrency: 4,
      source:
        'No limit is published (RetCode 153 says that there is one: https://docs.ucloud.cn/api/summary/public). ' +
        'Other clients gain nothing beyond 16 to 32 concurrent requests; this stays well below.',
    },
    // The vendor times out after 60 s (RetCode 110), and the window is halved.
    timeoutMs: 65_000,
    baseUrl: (options) => options.base_url,
    connect,
  });
}
