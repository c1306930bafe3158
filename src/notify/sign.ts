import { createHmac } from 'node:crypto';

/**
 * Signature of a DingTalk robot, as base64; `timestamp` in milliseconds.
 * https://open.dingtalk.com/document/robots/customize-robot-security-settings
 */
export function signDingTalk(timestamp: number, secret: string): string {
  return createHmac('sha256', secret).update(`${timestamp}\n${secret}`).digest('base64');
}

/**
 * Signature of a Feishu or Lark robot, as base64; `timestamp` in seconds. The text is the key, and the message is empty.
 * https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
 */
export function signFeishu(timestamp: number, secret: string): string {
  return createHmac('sha256', `${timestamp}\n${secret}`).digest('base64');
}

/** Signature of a generic webhook, as hexadecimal; `timestamp` in seconds. It covers the time, so that a recorded request expires. */
export function signWebhook(timestamp: number, body: string, secret: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
}
