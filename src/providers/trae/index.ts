import { defineProvider, USAGE } from '../provider.ts';
import { Options } from './options.ts';
import { connect, MAX_DAYS } from './source.ts';

export const trae = defineProvider<Options>({
  id: 'trae',
  title: 'Trae',
  docsUrl: 'https://docs.trae.cn/enterprise_get-model-usage-for-users',
  options: Options,
  zone: 'Asia/Shanghai',
  buckets: () => ({ '1h': { maxDays: MAX_DAYS }, '1d': { maxDays: MAX_DAYS } }),
  datasets: [USAGE],
  rate: {
    perSecond: 1,
    concurrency: 2,
    source: 'not published: the lowest rate of public clients of this API, which use 1 to 5 per second',
  },
  baseUrl: (options) => options.base_url,
  connect,
});
