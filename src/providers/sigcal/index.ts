import { dialectProvider } from '../ucloud-dialect/provider.ts';

export const sigcal = dialectProvider({
  id: 'sigcal',
  title: 'SigCal Cloud',
  docsUrl: 'https://www.sigcalcloud.com/en/docs/api/uai-modelverse-api/get_um_infer_token_usage',
  baseUrl: 'https://api.sigcalcloud.com',
});
