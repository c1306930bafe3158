import type { Language } from './message.ts';

/** Rules in titles of messages: the headings of their pages in docs/alerts, where there is one. */
export const RULE_NAMES: Readonly<Record<string, Readonly<Record<Language, string>>>> = {
  spike_key: { en: 'Spike of an API key', 'zh-CN': 'API Key 用量突增' },
  spike_user: { en: 'Spike of a user', 'zh-CN': '用户用量突增' },
  spike_endpoint: { en: 'Spike of an endpoint', 'zh-CN': '接入点用量突增' },
  spike_model: { en: 'Spike of a model', 'zh-CN': '模型用量突增' },
  spike_team: { en: 'Spike of a team', 'zh-CN': '团队用量突增' },
  spike_account: { en: 'Spike of an account', 'zh-CN': '账号用量突增' },
  ceiling: { en: 'Ceiling of an API key', 'zh-CN': 'API Key 用量超过上限' },
  new_key: { en: 'New API key uses a lot', 'zh-CN': '新 API Key 用量较大' },
  new_model: { en: 'New model', 'zh-CN': '出现新模型' },
  day: { en: 'Day above its weekday', 'zh-CN': '单日用量高于往常' },
  night: { en: 'Usage at night or on a rest day', 'zh-CN': '夜间或休息日用量' },
  budget: { en: 'Token budget', 'zh-CN': 'Token 预算' },
  cache_share: { en: 'Cached share has fallen', 'zh-CN': '缓存命中率下降' },
  output_ratio: { en: 'Output per input has jumped', 'zh-CN': '输出/输入比突增' },
  dominance: { en: 'One API key dominates its account', 'zh-CN': '单个 API Key 占比过高' },
  stale: { en: 'Data is stale', 'zh-CN': '数据延迟过高' },
  credentials: { en: 'Credentials refused', 'zh-CN': '凭证被拒绝' },
  gap_open: { en: 'Gap stays open', 'zh-CN': '缺口长时间未补齐' },
  gap_expired: { en: 'Usage can no longer be read', 'zh-CN': '数据缺口已过期' },
  reconciliation: { en: 'Stored usage differs from the provider', 'zh-CN': '与供应商对账不一致' },
};

/** A rule without a name here is shown by its id. */
export function nameOf(rule: string, language: Language): string {
  return RULE_NAMES[rule]?.[language] ?? rule;
}
