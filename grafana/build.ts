import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { alertFile, alertGroups } from './alerting/files.ts';
import { explore } from './boards/explore.ts';
import { health } from './boards/health.ts';
import { members } from './boards/members.ts';
import { overview } from './boards/overview.ts';
import { runbooks } from './boards/runbooks.ts';
import { dashboardJson } from './dashboard.ts';
import { dashboardProvider, dataSource } from './provisioning.ts';
import { readSettings, type Settings } from './settings.ts';
import { LANGUAGES, localise } from './text.ts';

/** Makes what Grafana loads: `npm run grafana`. docs/grafana.md has the options for people. */

const BOARDS = { overview, explore, members, health, runbooks };

const ALERTS_COMMENT = `Alert rules. Grafana does not let people edit them: change a threshold with
npm run grafana -- --set spike.ratio=3
and restart Grafana. docs/alerts/README.md lists the settings and what each rule does.`;

/** Files by path below `grafana/`. */
export function generate(settings: Settings): Map<string, string> {
  const files = new Map<string, string>();
  for (const language of LANGUAGES) {
    const add = (path: string, content: string): void => void files.set(path, content);
    for (const [board, build] of Object.entries(BOARDS)) {
      const json = localise(dashboardJson(build(settings)), language);
      add(`dashboards/${language}/${board}.json`, `${JSON.stringify(json, sortedKeys, 2)}\n`);
    }
    for (const [file, groups] of Object.entries(alertGroups(settings))) {
      const content = localise(alertFile(groups, settings), language);
      add(`provisioning/alerting/${language}/${file}.yaml`, yaml({ comment: ALERTS_COMMENT, content }));
    }
  }
  files.set('provisioning/datasources/influxdb.yaml', yaml(dataSource));
  files.set('provisioning/dashboards/tokentide.yaml', yaml(dashboardProvider));
  return files;
}

/** For people a file says where it comes from. */
function yaml({ comment, content }: { readonly comment: string; readonly content: unknown }): string {
  const lines = `Made by npm run grafana. ${comment}`.split('\n').map((line) => `# ${line}\n`);
  return `${lines.join('')}\n${stringify(content, { lineWidth: 0 })}`;
}

/** The same text for the same content, whatever the order in which it was built. */
function sortedKeys(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** @throws Error that names the option or setting */
export function main(args: readonly string[], out: string): readonly string[] {
  const { values } = parseArgs({
    args: [...args],
    options: {
      set: { type: 'string', multiple: true, default: [] },
      settings: { type: 'string' },
      out: { type: 'string', default: out },
    },
  });
  const file = values.settings === undefined ? '' : readFileSync(values.settings, 'utf8');
  const files = generate(readSettings(values.set, file));
  for (const [path, content] of files) {
    const target = join(values.out, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
  }
  return [...files.keys()].map((path) => join(values.out, path));
}
