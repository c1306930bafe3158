import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../support/markdown.ts';

/* Examples of notifications: one wrong value, or a name that does not exist, and Grafana does not start. */

const FOLDER = join(ROOT, 'grafana/examples');
const FILES = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.yaml'),
);

interface Route {
  readonly receiver: string;
  readonly group_by?: readonly string[];
  readonly object_matchers?: readonly (readonly string[])[];
  readonly mute_time_intervals?: readonly string[];
  readonly routes?: readonly Route[];
  readonly [key: string]: unknown;
}

interface Example {
  readonly apiVersion: number;
  readonly contactPoints?: readonly {
    readonly name: string;
    readonly receivers: readonly {
      readonly uid: string;
      readonly type: string;
      readonly settings: Readonly<Record<string, unknown>>;
    }[];
  }[];
  readonly policies?: readonly Route[];
  readonly templates?: readonly { readonly name: string; readonly template: string }[];
  readonly muteTimes?: readonly {
    readonly name: string;
    readonly time_intervals: readonly {
      readonly location: string;
      readonly times?: readonly { readonly start_time: string; readonly end_time: string }[];
      readonly weekdays?: readonly string[];
    }[];
  }[];
}

const TEXTS = FILES.map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')] as const);
const EXAMPLES = TEXTS.map(([, text]) => parse(text) as Example);
const RECEIVERS = EXAMPLES.flatMap(({ contactPoints = [] }) => contactPoints);
const TEMPLATES = EXAMPLES.flatMap(({ templates = [] }) => templates);
const MUTES = EXAMPLES.flatMap(({ muteTimes = [] }) => muteTimes);
const ROUTES = EXAMPLES.flatMap(({ policies = [] }) => policies).flatMap((root) => [
  root,
  ...(root.routes ?? []),
]);

describe.each(TEXTS)('%s', (_, text) => {
  it('says where it goes', () => {
    expect(text).toMatch(/^# /);
    expect(text).toContain('/etc/grafana/provisioning/alerting/');
    expect(parse(text)).toMatchObject({ apiVersion: 1 });
  });

  it('holds no secret, and warns of variables that are not set', () => {
    const values = text.replaceAll(/^#.*\n/gm, '');
    const variables = values.match(/\$\w*/g) ?? [];

    for (const variable of variables) expect(variable).toMatch(/^\$[A-Z_]+$/);
    for (const [, secret = ''] of values.matchAll(/\b(?:url|basicAuthPassword): (.*)/g))
      expect(secret).toMatch(/^\$[A-Z_]+$/);
    if (variables.length > 0) expect(text.replaceAll('\n# ', ' ')).toContain('Grafana does not start');
  });
});

describe('contact points', () => {
  it('are of the channels that people use, one file for each', () => {
    expect(RECEIVERS.map(({ name }) => name).toSorted()).toEqual(
      ['alertmanager', 'dingtalk', 'email', 'feishu', 'slack', 'wecom'].map((name) => `tokentide-${name}`),
    );
  });

  it('are of types that Grafana has, with uids of their own', () => {
    const receivers = RECEIVERS.flatMap(({ receivers }) => receivers);

    for (const { type, uid } of receivers) {
      expect(['webhook', 'slack', 'email', 'prometheus-alertmanager']).toContain(type);
      expect(uid).toMatch(/^[a-z-]{1,40}$/);
    }
    expect(new Set(receivers.map(({ uid }) => uid)).size).toBe(receivers.length);
  });

  it('use templates that exist', () => {
    const used = JSON.stringify(RECEIVERS).matchAll(/(?:template|tmpl\.Exec) \\"([\w.]+)\\"/g);
    const names = [...used].map(([, name = '']) => name);

    expect([...new Set(names)].toSorted()).toEqual(TEMPLATES.map(({ name }) => name).toSorted());
  });
});

describe('templates', () => {
  it.each(TEMPLATES.map(({ name, template }) => [name, template] as const))(
    '%s is whole',
    (name, template) => {
      const opened = template.match(/\{\{ (?:define|if|range) /g) ?? [];
      const closed = template.match(/\{\{ end \}\}/g) ?? [];

      expect(template).toContain(`{{ define "${name}" }}`);
      expect(closed.length).toBe(opened.length);
      expect(template).not.toContain('$');
    },
  );
});

describe('the policy', () => {
  it('names receivers and mute times that exist', () => {
    const receivers = RECEIVERS.map(({ name }) => name);
    const mutes = MUTES.map(({ name }) => name);

    expect(ROUTES.length).toBeGreaterThan(1);
    for (const { receiver, mute_time_intervals: used = [] } of ROUTES) {
      expect(receivers).toContain(receiver);
      for (const name of used) expect(mutes).toContain(name);
    }
  });

  it('routes by the labels of the rules, and warns that it replaces all others', () => {
    const [, text] = TEXTS.find(([name]) => name === 'notification-policy.yaml')!;
    const labels = ROUTES.flatMap(({ object_matchers: matchers = [] }) => matchers.map(([label]) => label));

    expect(new Set(labels)).toEqual(new Set(['grafana_folder', 'severity']));
    expect(text).toMatch(/^# WARNING: this replaces the whole tree/);
  });
});

describe('mute times', () => {
  it('have a zone and times that exist', () => {
    for (const { location, times = [] } of MUTES.flatMap(({ time_intervals }) => time_intervals)) {
      expect(() => new Intl.DateTimeFormat('en', { timeZone: location })).not.toThrow();
      for (const { start_time: start, end_time: end } of times) {
        expect([start, end].every((time) => /^(?:[01]\d|2[0-4]):00$/.test(time))).toBe(true);
        expect(start < end).toBe(true);
      }
    }
  });
});
