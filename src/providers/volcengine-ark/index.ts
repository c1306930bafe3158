import { defineProvider, USAGE } from '../provider.ts';
import { Options } from './options.ts';
import { connect, ZONE } from './source.ts';

export const volcengineArk = defineProvider<Options>({
  id: 'volcengine-ark',
  title: 'Volcengine Ark',
  docsUrl: 'https://www.volcengine.com/docs/82379/1390292',
  options: Options,
  zone: ZONE,
  // The vendor publishes no limits; these are the limits of related actions.
  buckets: () => ({ '1h': { maxDays: 7 }, '1d': { maxDays: 31 } }),
  datasets: [USAGE],
  rate: {
    perSecond: 2,
    concurrency: 2,
    source: 'not published: under half of the 5 per second of a billing action behind the same gateway',
  },
  baseUrl: (options) => options.base_url,
  connect,
});
