import { alertsFileOf, readAlerts } from '../config/alerts-file.ts';
import type { IncidentRow } from '../ledger/incidents.ts';
import { openReadableLedger } from '../ledger/ledger.ts';
import { openLedgerFile } from '../runtime.ts';
import { wallTime } from '../windows/calendar.ts';
import { DAY } from '../windows/units.ts';
import type { CommandContext } from './context.ts';
import { EXIT, formatJson, formatTable } from './output.ts';

/** Closed incidents are listed for this time. */
const RECENT = 7 * DAY;

/** `tokentide alerts`: incidents that are open, or were within the last seven days, from the ledger alone. */
export async function alertsListCommand(
  context: CommandContext,
  { json }: { readonly json: boolean },
): Promise<number> {
  const { settings, env, now, out } = context;
  const { zone } = readAlerts(alertsFileOf(settings), env);
  const ledger = openLedgerFile(settings, openReadableLedger);
  try {
    const incidents = ledger.incidents.since(Math.floor(now() / 1000) - RECENT);
    if (json) out(formatJson(incidents));
    else
      out(
        incidents.length === 0 ? 'no incidents in the last seven days\n' : formatIncidents(incidents, zone),
      );
    return EXIT.success;
  } finally {
    ledger.close();
  }
}

function formatIncidents(incidents: readonly IncidentRow[], zone: string): string {
  return formatTable(
    ['id', 'state', 'severity', 'rule', 'since', 'until', 'label', 'what'].map((title) => ({ title })),
    incidents.map((incident) => [
      incident.id,
      stateOf(incident),
      incident.severity,
      incident.rule,
      wallTime(incident.opened, zone),
      wallTime(incident.last, zone),
      incident.label?.as ?? '-',
      incident.text,
    ]),
  );
}

/** `open`, `closed`, `closed: corrected` */
export function stateOf({ closed, reason }: IncidentRow): string {
  if (closed === undefined) return 'open';
  return reason === 'over' ? 'closed' : `closed: ${reason}`;
}
