import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Change, IncidentRow } from '../../ledger/incidents.ts';
import type { Tags } from '../../usage/point.ts';
import { seriesKey } from '../../usage/series.ts';
import { HOUR } from '../../windows/units.ts';
import { QUIET_HOURS } from '../incidents.ts';

/** From this multiple of the last reported value on, an incident is reported again. */
const WORSE = 2;

/** An incident as the judged hours have it. */
export type FoundIncident = Pick<
  IncidentRow,
  'rule' | 'severity' | 'tags' | 'opened' | 'last' | 'value' | 'expected' | 'limit' | 'text' | 'related'
> & {
  /** Three closed hours without a verdict have followed. */
  readonly isOver: boolean;
};

/** What the ledger is to hold of an incident, and what is to be told of it. */
export interface IncidentChange {
  readonly incident: IncidentRow;
  readonly changes: readonly Change[];
}

export interface ChangesInput {
  readonly found: readonly FoundIncident[];
  /** Incidents of the account in the ledger. */
  readonly known: readonly IncidentRow[];
  /** Older incidents are not reported, and not corrected. */
  readonly from: number;
  readonly job: string;
  readonly now: number;
  /** Whether three closed hours have followed the last one of a known incident that is not found. */
  readonly isQuiet: (incident: IncidentRow) => boolean;
  readonly isTaken: (id: string) => boolean;
}

/** Compares the incidents that were found with those of the ledger. The same input twice has no second change. */
export function changesOf(input: ChangesInput): IncidentChange[] {
  const { found, known, from } = input;
  const matches = match(found, known);
  const matched = new Set(matches.values());
  const ids = new Set<string>();
  const isTaken = (id: string): boolean => ids.has(id) || input.isTaken(id);
  return [
    ...found.flatMap((one): IncidentChange[] => {
      const row = matches.get(one);
      if (row) return one.last > from ? updated(row, one, input) : ended(row, one.isOver, 'over', input);
      if (one.last <= from) return [];
      const opened = open(one, input, isTaken);
      ids.add(opened.incident.id);
      return [opened];
    }),
    ...known
      .filter((row) => !matched.has(row))
      .flatMap((row) =>
        row.opened >= from
          ? ended(row, true, 'corrected', input)
          : ended(row, input.isQuiet(row), 'over', input),
      ),
  ];
}

function open(
  found: FoundIncident,
  { job, now }: ChangesInput,
  isTaken: (id: string) => boolean,
): IncidentChange {
  const { isOver, ...numbers } = found;
  const incident: IncidentRow = {
    ...numbers,
    id: idOf(found, isTaken),
    job,
    told: found.value,
    ...(isOver && { closed: now, reason: 'over' }),
  };
  return { incident, changes: isOver ? ['opened', 'closed'] : ['opened'] };
}

function updated(row: IncidentRow, found: FoundIncident, { now }: ChangesInput): IncidentChange[] {
  const { isOver, tags: _, ...numbers } = found;
  const severity = row.severity === 'page' ? 'page' : found.severity;
  const incident: IncidentRow = { ...row, ...numbers, severity };
  const isExpected = row.label?.as === 'expected' && found.last <= row.label.at + HOUR;
  if (isOver || isExpected) {
    if (row.closed !== undefined) return unlessEqual(row, incident, []);
    const reason = isExpected ? 'expected' : 'over';
    return [{ incident: { ...incident, closed: now, reason }, changes: ['closed'] }];
  }
  // A first hour that is open grows until it ends: that is not worse than what was told.
  const isFirstHour = found.last - found.opened === HOUR;
  const isWorse = severity !== row.severity || (!isFirstHour && found.value >= WORSE * row.told);
  const told = { ...incident, told: Math.max(row.told, found.value) };
  if (row.closed !== undefined) {
    const { closed: _closed, reason: _reason, ...reopened } = told;
    return [{ incident: reopened, changes: ['reopened'] }];
  }
  if (isWorse) return [{ incident: told, changes: ['escalated'] }];
  return unlessEqual(row, isFirstHour ? told : incident, []);
}

function ended(
  row: IncidentRow,
  isOver: boolean,
  reason: 'over' | 'corrected',
  { now }: ChangesInput,
): IncidentChange[] {
  if (!isOver) return [];
  if (row.closed === undefined) return [{ incident: { ...row, closed: now, reason }, changes: ['closed'] }];
  // It was over already: nobody has to be told.
  return reason === 'corrected' ? unlessEqual(row, { ...row, reason }, []) : [];
}

function unlessEqual(
  before: IncidentRow,
  incident: IncidentRow,
  changes: readonly Change[],
): IncidentChange[] {
  return isDeepStrictEqual(before, incident) ? [] : [{ incident, changes }];
}

/** Pairs incidents with the same first hour, then those that a correction has made longer or shorter. */
function match(
  found: readonly FoundIncident[],
  known: readonly IncidentRow[],
): Map<FoundIncident, IncidentRow> {
  const pairs = new Map<FoundIncident, IncidentRow>();
  const taken = new Set<IncidentRow>();
  const near = QUIET_HOURS * HOUR;
  const rules: readonly ((one: FoundIncident, row: IncidentRow) => boolean)[] = [
    (one, row) => one.opened === row.opened,
    (one, row) => one.opened < row.last + near && row.opened < one.last + near,
  ];
  const bySubject = new Map<string, IncidentRow[]>();
  for (const row of known) bySubject.set(subjectOf(row), [...(bySubject.get(subjectOf(row)) ?? []), row]);
  for (const isSame of rules) {
    for (const one of found) {
      if (pairs.has(one)) continue;
      const row = bySubject.get(subjectOf(one))?.find((each) => !taken.has(each) && isSame(one, each));
      if (!row) continue;
      pairs.set(one, row);
      taken.add(row);
    }
  }
  return pairs;
}

/** Identity of a rule and a series. A user's team may change. */
export function subjectOf({ rule, tags }: { readonly rule: string; readonly tags: Tags }): string {
  const { team: _, ...withoutTeam } = tags;
  return `${rule} ${seriesKey(tags.user === undefined ? tags : withoutTeam)}`;
}

/** No letters that look like digits, so that it can be read aloud: Crockford's base 32. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const LENGTH = 4;

function idOf(found: FoundIncident, isTaken: (id: string) => boolean): string {
  const hash = createHash('sha256')
    .update(`${subjectOf(found)} ${found.opened}`)
    .digest();
  const text = Array.from(hash, (byte) => ALPHABET[byte % ALPHABET.length]).join('');
  for (let length = LENGTH; length < text.length; length++) {
    const id = `a-${text.slice(0, length)}`;
    if (!isTaken(id)) return id;
  }
  return `a-${text}`;
}
