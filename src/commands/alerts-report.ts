import type { HourlySeries, ReplayEntry } from '../alerts/types.ts';
import { stepStart } from '../store/series.ts';
import { wallTime } from '../windows/calendar.ts';
import { DAY } from '../windows/units.ts';
import type { Window } from '../windows/window.ts';
import { formatCount, formatTable } from './output.ts';

/** What would have fired: a table of incidents, and a table of their number by week and rule. */
export function formatReplay(
  entries: readonly ReplayEntry[],
  series: readonly HourlySeries[],
  { start, end }: Window,
  zone: string,
): string {
  const summary = `${wallTime(start, zone)} to ${wallTime(end, zone)} ${zone}: ${formatCount(series.length)} series, incidents: ${formatCount(entries.length)}`;
  if (entries.length === 0) return `${summary}\n`;
  const weeks = (end - start) / (7 * DAY);
  const rates = (['page', 'notice'] as const).map((severity) => {
    const count = entries.filter((entry) => entry.severity === severity).length;
    return `${severity} ${(count / weeks).toFixed(1)}`;
  });
  return [
    incidentsTable(entries, zone),
    weeksTable(entries, zone),
    `${summary}; per week: ${rates.join(', ')}\n`,
  ].join('\n');
}

function incidentsTable(entries: readonly ReplayEntry[], zone: string): string {
  return formatTable(
    [
      { title: 'fired at' },
      { title: 'until' },
      { title: 'severity' },
      { title: 'rule' },
      { title: 'account' },
      { title: 'what' },
    ],
    entries.map((entry) => [
      wallTime(entry.fired_at, zone),
      wallTime(entry.end, zone),
      entry.severity,
      entry.rule,
      [entry.tags.provider, entry.tags.account].filter(Boolean).join('/'),
      entry.text,
    ]),
  );
}

/** Weeks begin on Monday; those without incidents are not listed. */
function weeksTable(entries: readonly ReplayEntry[], zone: string): string {
  const rules = [...new Set(entries.map(({ rule }) => rule))].toSorted();
  const weekOf = ({ fired_at }: ReplayEntry): number => stepStart(fired_at - 1, 'week', zone);
  const weeks = [...new Set(entries.map(weekOf))].toSorted((a, b) => a - b);
  return formatTable(
    [{ title: 'week of' }, ...[...rules, 'all'].map((title) => ({ title, align: 'right' as const }))],
    weeks.map((week) => {
      const inWeek = entries.filter((entry) => weekOf(entry) === week);
      return [
        wallTime(week, zone).slice(0, 10),
        ...rules.map((rule) => formatCount(inWeek.filter((entry) => entry.rule === rule).length)),
        formatCount(inWeek.length),
      ];
    }),
  );
}
