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
  return {
    verdicts: [{ name: 'verdicts', minutes: 1, rules: verdicts() }],
    usage: [
      { name: 'spikes', minutes: 5, rules: spikes(settings) },
      // Sums of many hours, which change slowly.
      { name: 'changes', minutes: 15, rules: changes(settings) },
    ],
    health: [{ name: 'health', minutes: 5, rules: health(settings) }],
  };
}

export const alertFile = (groups: readonly Group[], settings: Settings): Json => ({
  apiVersion: 1,
  groups: groups.map((group) => groupJson(group, (rule) => runbookUrl(rule, settings))),
});

function runbookUrl({ name, runbook = name }: Rule, settings: Settings): string {
  const own = settings['runbooks.url'];
  if (own !== '') return `${own.replace(/\/$/, '')}/${runbook}.md`;
  return `${settings['grafana.url'].replace(/\/$/, '')}/d/${RUNBOOKS.uid}?viewPanel=${RUNBOOKS.panels[runbook]}`;
}
