import type { z } from 'zod';
import { httpSender } from './http.ts';
import { alertmanager, AlertmanagerOptions } from './kinds/alertmanager.ts';
import { dingtalk, DingTalkOptions } from './kinds/dingtalk.ts';
import { emailSender, EmailOptions } from './kinds/email.ts';
import { feishu, FeishuOptions } from './kinds/feishu.ts';
import { pagerduty, PagerDutyOptions } from './kinds/pagerduty.ts';
import { slack, SlackOptions } from './kinds/slack.ts';
import { webhook, WebhookOptions } from './kinds/webhook.ts';
import { wecom, WeComOptions } from './kinds/wecom.ts';
import type { Sender } from './sender.ts';

/** Schemas of the options of all kinds of channels, by kind. */
export const CHANNEL_OPTIONS = {
  webhook: WebhookOptions,
  dingtalk: DingTalkOptions,
  wecom: WeComOptions,
  feishu: FeishuOptions,
  slack: SlackOptions,
  email: EmailOptions,
  alertmanager: AlertmanagerOptions,
  pagerduty: PagerDutyOptions,
} as const;

export type ChannelOptions = z.infer<(typeof CHANNEL_OPTIONS)[keyof typeof CHANNEL_OPTIONS]>;

/** Connects a configured channel. */
export function createSender(options: ChannelOptions): Sender {
  switch (options.kind) {
    case 'webhook':
      return httpSender(webhook, options);
    case 'dingtalk':
      return httpSender(dingtalk, options);
    case 'wecom':
      return httpSender(wecom, options);
    case 'feishu':
      return httpSender(feishu, options);
    case 'slack':
      return httpSender(slack, options);
    case 'email':
      return emailSender(options);
    case 'alertmanager':
      return httpSender(alertmanager, options);
    case 'pagerduty':
    default:
      return httpSender(pagerduty, options);
  }
}
