import type { Severity } from '../usage/catalogue.ts';
import type { Tags } from '../usage/point.ts';
import type { LedgerDatabase } from './database.ts';

export type CloseReason =
  /** Three closed hours without a verdict. */
  | 'over'
  /** Late or corrected data: what was reported is not so. */
  | 'corrected'
  /** Labelled as expected. */
  | 'expected';

/** Changes of an incident that people are told about. */
export const CHANGES = ['opened', 'escalated', 'closed', 'reopened'] as const;
export type Change = (typeof CHANGES)[number];

/** What a person says of an incident. */
export interface IncidentLabel {
  readonly as: 'expected' | 'real';
  /** Unix seconds. */
  readonly at: number;
  /** The largest value then: a larger one is not what was labelled. */
  readonly value: number;
}

/** Verdicts of one rule on one series, from the first to three hours after the last. Unix seconds. */
export interface IncidentRow {
  /** `a-7f3k`: short, and the same for the same rule, series and first hour. */
  readonly id: string;
  /** The job whose poll reported it. */
  readonly job: string;
  readonly rule: string;
  readonly severity: Severity;
  readonly tags: Tags;
  /** Start of the first hour. */
  readonly opened: number;
  /** End of the last hour with a verdict. */
  readonly last: number;
  readonly closed?: number;
  readonly reason?: CloseReason;
  /** Of the largest verdict. */
  readonly value: number;
  readonly expected: number;
  readonly limit: number;
  readonly text: string;
  /** The largest value at the last event: twice that is the next. */
  readonly told: number;
  /** Series with verdicts in the same hours that explain it, or that it explains. */
  readonly related: readonly Tags[];
  readonly label?: IncidentLabel;
}

export interface IncidentEvent {
  readonly change: Change;
  readonly incident: IncidentRow;
}

export interface IncidentTable {
  get(id: string): IncidentRow | undefined;
  /** Those that are open or had a verdict since, newest first. */
  since(time: number): IncidentRow[];
  /** The same of the account of a provider, oldest first. */
  ofAccount(tags: Pick<Tags, 'provider' | 'account'>, since: number): IncidentRow[];
  /** Those labelled as expected. */
  expected(tags: Pick<Tags, 'provider' | 'account'>): IncidentRow[];
  openBySeverity(): Readonly<Record<IncidentRow['severity'], number>>;
  put(incident: IncidentRow): void;
}

type Row = [
  id: string,
  job: string,
  rule: string,
  severity: string,
  tags: string,
  opened: number,
  last: number,
  closed: number | null,
  reason: string | null,
  value: number,
  expected: number,
  limit: number,
  told: number,
  text: string,
  related: string,
  label: string | null,
];

const COLUMNS =
  'id, job, rule, severity, tags, opened, last, closed, reason, value, expected, "limit", told, text, related, label';
const OF_ACCOUNT =
  "coalesce(json_extract(tags, '$.provider'), '') = ? AND coalesce(json_extract(tags, '$.account'), '') = ?";

export function createIncidentTable(db: LedgerDatabase): IncidentTable {
  const select = (condition: string) =>
    db.prepare(`SELECT ${COLUMNS} FROM incident WHERE ${condition}`).raw();
  const one = select('id = ?');
  const since = select('closed IS NULL OR last >= ? ORDER BY opened DESC, id');
  const ofAccount = select(`${OF_ACCOUNT} AND (closed IS NULL OR last >= ?) ORDER BY opened, id`);
  const expected = select(`${OF_ACCOUNT} AND json_extract(label, '$.as') = 'expected'`);
  const open = db
    .prepare('SELECT severity, count(*) FROM incident WHERE closed IS NULL GROUP BY severity')
    .raw();
  const insert = db.prepare(
    `INSERT OR REPLACE INTO incident (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const accountOf = ({ provider = '', account = '' }: Tags): string[] => [provider, account];

  return {
    get: (id) => {
      const row = one.get(id) as Row | undefined;
      return row && toIncident(row);
    },
    since: (time) => (since.all(time) as Row[]).map(toIncident),
    ofAccount: (tags, time) => (ofAccount.all(...accountOf(tags), time) as Row[]).map(toIncident),
    expected: (tags) => (expected.all(...accountOf(tags)) as Row[]).map(toIncident),
    openBySeverity: () => ({
      notice: 0,
      page: 0,
      ...Object.fromEntries(open.all() as [IncidentRow['severity'], number][]),
    }),
    put: (incident) => void insert.run(...toRow(incident)),
  };
}

function toRow(incident: IncidentRow): Row {
  return [
    incident.id,
    incident.job,
    incident.rule,
    incident.severity,
    JSON.stringify(incident.tags),
    incident.opened,
    incident.last,
    incident.closed ?? null,
    incident.reason ?? null,
    incident.value,
    incident.expected,
    incident.limit,
    incident.told,
    incident.text,
    JSON.stringify(incident.related),
    incident.label ? JSON.stringify(incident.label) : null,
  ];
}

function toIncident(row: Row): IncidentRow {
  const [id, job, rule, severity, tags, opened, last, closed, reason, value, expected, limit, told, text] =
    row;
  const [related, label] = row.slice(14) as [string, string | null];
  return {
    id,
    job,
    rule,
    severity: severity as IncidentRow['severity'],
    tags: JSON.parse(tags) as Tags,
    opened,
    last,
    ...(closed !== null && { closed }),
    ...(reason !== null && { reason: reason as CloseReason }),
    value,
    expected,
    limit,
    told,
    text,
    related: JSON.parse(related) as Tags[],
    ...(label !== null && { label: JSON.parse(label) as IncidentLabel }),
  };
}
