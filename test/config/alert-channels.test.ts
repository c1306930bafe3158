import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { COMMON_KEYS, type Channels } from '../../src/config/alert-channels.ts';
import { readAlerts } from '../../src/config/alerts-file.ts';
import { ConfigError } from '../../src/config/errors.ts';
import { CHANNEL_OPTIONS } from '../../src/notify/index.ts';
import { codesOf, page, tableOf } from '../support/markdown.ts';
import { folderOf } from './loading.ts';

const ENV = {
  ROBOT_URL: 'https://oapi.dingtalk.com/robot/send?access_token=canary-token',
  ROBOT_SECRET: 'SECcanary-secret',
};

function read(
  text: string,
  env: Readonly<Record<string, string>> = ENV,
  more: Record<string, string> = {},
): Channels {
  return readAlerts(join(folderOf({ 'alerts.yaml': text, ...more }), 'alerts.yaml'), env).channels;
}

/** The errors as they are printed, with paths relative to the folder. */
function errorsOf(text: string): string {
  try {
    read(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.replaceAll(/\S*\/(?=alerts\.yaml)/g, '');
    throw error;
  }
  throw new Error('there is no error');
}

it('a channel has defaults', () => {
  const { channels, off } = read('channels:\n  ops:\n    kind: dingtalk\n    url: ${ROBOT_URL}\n');

  expect(off).toEqual([]);
  expect(channels.get('ops')).toMatchObject({
    kind: 'dingtalk',
    language: 'en',
    severities: ['notice', 'page'],
    mentions: [],
  });
});

it('a channel has a language, severities, teams, mentions and quiet hours', () => {
  const { channels } = read(
    `
zone: Asia/Shanghai
rules: {}
channels:
  ops:
    kind: feishu
    url: \${ROBOT_URL}
    secret: {file: secret.txt}
    language: zh-CN
    severities: [page]
    teams: [platform]
    mentions: [ou_1, all]
    quiet_hours: {from: '22:30', to: '08:00', zone: Asia/Shanghai}
`,
    ENV,
    { 'secret.txt': 'SECcanary-of-file\n' },
  );

  const channel = channels.get('ops')!;

  expect(channel).toMatchObject({
    language: 'zh-CN',
    severities: ['page'],
    teams: ['platform'],
    mentions: ['ou_1', 'all'],
    quiet_hours: { from: 1350, to: 480, zone: 'Asia/Shanghai', severities: ['notice'] },
  });
  expect(channel.kind === 'feishu' && channel.secret?.reveal()).toBe('SECcanary-of-file');
  expect(inspect(channel) + JSON.stringify(channel)).not.toContain('canary');
});

it('a channel is disabled while a variable of it is not set, and the others are not', () => {
  const { channels, off } = read(`
channels:
  one: {kind: slack, url: "\${SLACK_URL}"}
  two: {kind: dingtalk, url: "\${ROBOT_URL}", secret: "\${OTHER_SECRET}"}
  three: {kind: wecom, url: "\${ROBOT_URL}"}
`);

  expect([...channels.keys()]).toEqual(['three']);
  expect(off).toEqual([
    { name: 'one', reason: 'SLACK_URL is not set' },
    { name: 'two', reason: 'OTHER_SECRET is not set' },
  ]);
});

it.each(['', 'zone: UTC\n', 'channels:\n', 'channels: {}\n'])(
  'a file without channels has none: %j',
  (text) => {
    expect(read(text)).toEqual({ channels: new Map(), off: [] });
  },
);

it('all errors are reported at once, each with its place and a hint, and without secrets', () => {
  const errors = errorsOf(`channels:
  ops:
    kind: dingtak
    url: \${ROBOT_URL}
  plain:
    kind: slack
    url: https://hooks.slack.com/services/canary
  team:
    kind: wecom
    url: \${ROBOT_URL}
    secrt: \${ROBOT_SECRET}
    mentions: ['<@all>']
  night:
    kind: feishu
    url: \${ROBOT_URL}
    language: de
    quiet_hours: {from: '25:00', to: '08:00', zone: Asia/Shanghia}
  mail:
    kind: email
    host: smtp.example.com
    from: nobody
  hook:
    kind: webhook
    url: \${ROBOT_URL}
    template: {text: "{{ titel }} {{ tags.user }}"}
  Bad_Name: {kind: wecom, url: "\${ROBOT_URL}"}
`);

  expect(errors).not.toMatch(/canary|oapi/);
  expect(errors.split('\n').filter((line) => line.startsWith('alerts.yaml'))).toEqual([
    'alerts.yaml:3:5: channels.ops.kind: matches none of the allowed forms',
    'alerts.yaml:7:5: channels.plain.url: secrets must not be written in this file',
    'alerts.yaml:11:5: unknown option "secrt"',
    'alerts.yaml:12:16: channels.team.mentions.0: must be a user id, or all',
    'alerts.yaml:16:5: channels.night.language: must be "en" or "zh-CN"',
    "alerts.yaml:17:19: channels.night.quiet_hours.from: must be a time of day in quotes, from '00:00' to '23:59'",
    expect.stringMatching(
      /^alerts\.yaml:17:\d+: channels\.night\.quiet_hours\.zone: is not a time zone; did you mean/,
    ),
    'alerts.yaml:18:3: channels.mail.to: is missing',
    'alerts.yaml:21:5: channels.mail.from: must be a valid email',
    expect.stringMatching(
      /^alerts\.yaml:25:5: channels\.hook\.template: has no value for \{\{ titel \}\}; known are version, id/,
    ),
    'alerts.yaml:26:3: channels.Bad_Name: must be lowercase letters, digits and hyphens, at most 63',
  ]);
  expect(errors).toContain('did you mean "dingtalk"?');
  expect(errors).toContain('write url: ${TOKENTIDE_CHANNELS_PLAIN_URL}');
  expect(errors).toContain('did you mean "secret"?');
});

it('YAML that is not valid, or a file that is not there, is reported', () => {
  expect(errorsOf('channels: [')).toContain('alerts.yaml:1:');
  expect(errorsOf('channels: 7')).toContain('alerts.yaml:1:1: channels: must be a map');
  expect(() => readAlerts('/nowhere/alerts.yaml', {})).toThrow(/cannot be read \(ENOENT\)/);
});

it('docs/notifications.md lists all options of all kinds', () => {
  const documented = tableOf(page('docs/notifications.md'), 'kind');

  expect(codesOf(documented)).toEqual(Object.keys(CHANNEL_OPTIONS));
  for (const [index, { shape }] of Object.values(CHANNEL_OPTIONS).entries()) {
    const { kind: _, ...options } = shape;
    expect(codesOf({ ...documented, rows: [documented.rows[index]!] }, 1)).toEqual(Object.keys(options));
  }
});

it('docs/notifications.md lists the keys of every channel', () => {
  const keys = codesOf(tableOf(page('docs/notifications.md'), 'key'));

  expect(keys).toEqual(['kind', ...Object.keys(COMMON_KEYS)]);
});

it('docs/notifications.md has an example that is valid', () => {
  const [example = ''] = page('docs/notifications.md').blocks.filter((block) =>
    block.startsWith('channels:'),
  );
  const names = [...example.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name);

  const { channels } = read(example, Object.fromEntries(names.map((name) => [name, 'https://example.com'])));

  expect(new Set([...channels.values()].map(({ kind }) => kind))).toEqual(
    new Set(Object.keys(CHANNEL_OPTIONS)),
  );
});
