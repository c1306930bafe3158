import { dialectProvider } from '../ucloud-dialect/provider.ts';

export const ucloud = dialectProvider({
  id: 'ucloud',
  title: 'UCloud',
  docsUrl: 'https://docs.ucloud.cn/api/uai-modelverse-api/get_um_infer_token_usage',
  baseUrl: 'https://api.ucloud.cn',
});
