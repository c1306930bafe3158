import type { Json } from '../dashboard.ts';
import { RUNBOOKS } from '../boards/runbooks.ts';
import type { Settings } from '../settings.ts';
import { changes } from './changes.ts';
import { health } from './health.ts';
import { groupJson, type Group, type Rule } from './rule.ts';
import { spikes } from './spikes.ts';
import { verdicts } from './verdicts.ts';

/** Groups of rules by the file that holds them. The rules of a group are evaluated one after the other. */
export function alertGroups(settings: Settings): Readonly<Record<string, readonly Group[]>> {
  const files = {
    verdicts: [{ name: 'verdicts', minutes: 1, rules: verdicts() }],
    usage: [
      { name: 'spikes', minutes: 5, rules: spikes(settings) },
      // Sums of many hours, which change slowly.
      { name: 'changes', minutes: 15, rules: changes(settings) },
    ],
    health: [{ name: 'health', minutes: 5, rules: health(settings) }],
  };
  return withPaused(files, settings);
}

export const alertFile = (groups: readonly Group[], settings: Settings): Json => ({
  apiVersion: 1,
  groups: groups.map((group) => groupJson(group, (rule) => runbookUrl(rule, settings))),
});

/** @throws Error for a name that no rule has */
function withPaused(files: Record<string, readonly Group[]>, { paused }: Settings): typeof files {
  const names = paused.split(',').filter((name) => name !== '');
  const all = Object.values(files).flatMap((groups) => groups.flatMap(({ rules }) => rules));
  const unknown = names.find((name) => !all.some((rule) => rule.name === name));
  if (unknown !== undefined)
    throw new Error(
      `paused: no rule is called ${unknown}; there are ${all.map(({ name }) => name).join(', ')}`,
    );
  const pause = (rule: Rule): Rule => (names.includes(rule.name) ? { ...rule, paused: true } : rule);
  return Object.fromEntries(
    Object.entries(files).map(([file, groups]) => [
      file,
      groups.map((group) => ({ ...group, rules: group.rules.map(pause) })),
    ]),
  );
}

function runbookUrl({ name, runbook = name }: Rule, settings: Settings): string {
  const own = settings['runbooks.url'];
  if (own !== '') return `${own.replace(/\/$/, '')}/${runbook}.md`;
  return `${settings['grafana.url'].replace(/\/$/, '')}/d/${RUNBOOKS.uid}?viewPanel=${RUNBOOKS.panels[runbook]}`;
}
