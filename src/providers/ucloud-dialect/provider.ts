import { defineProvider, type Provider } from '../provider.ts';
import { dialectOptions } from './options.ts';
import { connect } from './source.ts';

/** What sets one brand of this cloud apart from another. */
export interface Brand {
  readonly id: string;
  readonly title: string;
  readonly docsUrl: string;
  readonly baseUrl: string;
}

/** One provider for each brand that serves this API. */
export function dialectProvider({ id, title, docsUrl, baseUrl }: Brand): Provider {
  return defineProvider({
    id,
    title,
    docsUrl,
    options: dialectOptions(baseUrl),
    zone: 'Asia/Shanghai',
    // A range of ten days or more makes the server run into its own 60 s limit, one of a day is quickest.
    buckets: { '1h': { maxDays: 1 }, '1d': { maxDays: 1 } },
    defaultBucket: '1h',
    rate: {
      perSecond: 5,
      concurrency: 4,
      source:
        'No limit is published (RetCode 153 says that there is one: https://docs.ucloud.cn/api/summary/public). ' +
        'Gains end at 16 to 32 questions at once in the field; this stays well below.',
    },
    // The vendor gives up after 60 s and says so (RetCode 110), upon which the window is halved.
    timeoutMs: 65_000,
    baseUrl: (options) => options.base_url,
    connect,
  });
}
