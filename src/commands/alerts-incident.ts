import { ConfigError } from '../config/errors.ts';
import type { IncidentRow } from '../ledger/incidents.ts';
import type { Ledger } from '../ledger/ledger.ts';

/** @throws ConfigError */
export function incidentNamed({ incidents }: Pick<Ledger, 'incidents'>, id: string): IncidentRow {
  const incident = incidents.get(id);
  if (incident) return incident;
  throw new ConfigError([
    { message: `no incident has the id "${id}"`, hint: 'tokentide alerts lists open and recent incidents' },
  ]);
}
