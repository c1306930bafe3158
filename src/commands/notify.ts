import { setTimeout as delay } from 'node:timers/promises';
import type { Channel, Channels } from '../config/alert-channels.ts';
import { alertsFileOf, readAlerts } from '../config/alerts-file.ts';
import { ConfigError } from '../config/errors.ts';
import { suggestion } from '../config/suggest.ts';
import { formatError } from '../lib/errors.ts';
import { createSender } from '../notify/index.ts';
import type { Message } from '../notify/message.ts';
import type { Severity } from '../usage/catalogue.ts';
import { accepts, quietUntil } from '../notify/route.ts';
import { sendMessage, type SendIo } from '../notify/send.ts';
import type { Outcome } from '../notify/outcome.ts';
import { wallTime } from '../windows/calendar.ts';
import type { CommandContext } from './context.ts';
import { EXIT } from './output.ts';

export interface NotifyArguments {
  readonly channel: string;
  /** File of alert rules and channels. */
  readonly alerts?: string;
  readonly severity: Severity;
  readonly closed: boolean;
}

const TEXTS = {
  en: {
    title: 'test message',
    lines: (channel: string, time: string) => [
      `The channel ${channel} works. Sent at ${time} by tokentide notify test.`,
    ],
  },
  'zh-CN': {
    title: '测试消息',
    lines: (channel: string, time: string) => [
      `通道 ${channel} 工作正常。由 tokentide notify test 发送于 ${time}。`,
    ],
  },
} as const;

const NETWORK: Pick<SendIo, 'fetch' | 'sleep'> = {
  fetch: globalThis.fetch,
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
};

/** `tokentide notify test <channel>`: sends a test message and prints what the server answered. */
export async function notifyCommand(
  context: CommandContext,
  { channel: name, alerts, severity, closed }: NotifyArguments,
  network: Pick<SendIo, 'fetch' | 'sleep'> = NETWORK,
): Promise<number> {
  const { settings, now, signal, out, err } = context;
  const file = alerts ?? alertsFileOf(settings);
  const channel = channelNamed(name, readAlerts(file, context.env).channels, file);
  const message = testMessage(name, channel, now(), severity, closed);
  const outcome = await sendMessage(createSender(channel), message, {
    ...network,
    now,
    timeoutMs: settings.timeoutMs,
    signal,
    random: Math.random,
  });
  for (const remark of remarks(channel, message, now() / 1000)) err(`${name}: ${remark}\n`);
  if (outcome.result === 'sent') {
    out(`${formatError({ message: `${name}: sent: ${outcome.answer}` })}\n`);
    return EXIT.success;
  }
  err(`${formatError({ message: `${name}: not sent: ${outcome.answer}`, hint: hintOf(outcome) })}\n`);
  return EXIT.failed;
}

function channelNamed(name: string, { channels, off }: Channels, file: string | undefined): Channel {
  const channel = channels.get(name);
  if (channel) return channel;
  const reason = off.find((each) => each.name === name)?.reason;
  if (reason !== undefined) {
    const hint = 'set the variable in the environment or in .env';
    throw new ConfigError([{ file, message: `the channel "${name}" is disabled: ${reason}`, hint }]);
  }
  const known = [...channels.keys(), ...off.map(({ name }) => name)];
  const hint =
    suggestion(name, known) ?? 'add it under "channels:" of alerts.yaml; docs/notifications.md has examples';
  throw new ConfigError([{ file, message: `no channel is named "${name}"`, hint }]);
}

function testMessage(
  name: string,
  { kind, language }: Channel,
  nowMs: number,
  severity: Severity,
  closed: boolean,
): Message {
  const { title, lines } = TEXTS[language];
  const start = Math.floor(nowMs / 1000);
  return {
    id: `test-${name}-${nowMs}`,
    // The same for all tests, so that --closed ends what a test began.
    incident: `test-${name}`,
    state: closed ? 'closed' : 'open',
    severity,
    language,
    rule: 'test',
    title,
    lines: lines(name, `${wallTime(start, 'UTC')} UTC`),
    links: [],
    tags: { provider: 'tokentide', account: kind },
    start,
  };
}

/** What would be different for the message of an incident. */
function remarks(channel: Channel, message: Message, time: number): string[] {
  const quiet = quietUntil(channel, message, time);
  const { severity } = message;
  return [
    ...(accepts({ ...channel, teams: undefined }, message)
      ? []
      : [`takes no messages of severity ${severity}`]),
    ...(quiet === undefined
      ? []
      : [
          `quiet hours: messages of severity ${severity} wait until ${wallTime(quiet, channel.quiet_hours!.zone)}`,
        ]),
  ];
}

function hintOf(outcome: Outcome & { readonly result: 'retry' | 'failed' }): string | undefined {
  if (outcome.result === 'failed')
    return outcome.hint ?? 'docs/notifications.md explains the answers of each service.';
  if (outcome.afterMs === undefined) return 'Check the address, the network and any proxy, then try again.';
  return `Try again in ${Math.ceil(outcome.afterMs / 1000)} s.`;
}
