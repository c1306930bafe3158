import { defineProvider, USAGE } from '../provider.ts';
import { R9sOptions } from './options.ts';
import { connect } from './source.ts';

export const r9s = defineProvider({
  id: 'r9s',
  title: 'R9S',
  docsUrl: 'https://docs.routetokens.com',
  options: R9sOptions,
  zone: 'UTC',
  // No limit is published. The vendor's own SDK requests seven days by default. With one row per request, a longer
  // window would have many pages, and one failed page discards the window.
  buckets: () => ({ '1h': { maxDays: 1 }, '1d': { maxDays: 7 } }),
  // The documented answer has one total per UTC day.
  datasets: [{ ...USAGE, defaultBucket: '1d' }],
  rate: {
    perSecond: 2,
    concurrency: 2,
    source: 'No limit is published (https://docs.routetokens.com); a conservative guess.',
  },
  baseUrl: (options) => options.base_url,
  connect,
});
