import type { LedgerDatabase } from './database.ts';

/** What is known of a job beside its reads and gaps. */
export interface JobRow {
  /** Everything that, when changed, would count usage twice or orphan it: see `jobIdentity`. */
  readonly identity: string;
  /** The latest time the job has seen, Unix seconds. */
  readonly clock: number;
  /** How the account's API takes the end of a range, once found out. */
  readonly rangeEnd: 'exclusive' | 'inclusive' | undefined;
}

export interface Jobs {
  of(name: string): JobRow | undefined;
  names(): string[];
  save(name: string, row: JobRow): void;
}

export function createJobs(db: LedgerDatabase): Jobs {
  const select = db.prepare('SELECT identity, clock, range_end FROM job WHERE name = ?').raw();
  const names = db.prepare('SELECT name FROM job ORDER BY name').raw();
  const insert = db.prepare(
    'INSERT OR REPLACE INTO job (name, identity, clock, range_end) VALUES (?, ?, ?, ?)',
  );
  return {
    of: (name) => {
      const row = select.get(name) as [string, number, JobRow['rangeEnd'] | null] | undefined;
      return row && { identity: row[0], clock: row[1], rangeEnd: row[2] ?? undefined };
    },
    names: () => (names.all() as [string][]).map(([name]) => name),
    save: (name, row) => void insert.run(name, row.identity, row.clock, row.rangeEnd ?? null),
  };
}

/** The partitions that each job has met, so that a new one is noticed and a vanished one keeps its history. */
export interface Partitions {
  of(job: string): Map<string, { firstSeen: number; lastSeen: number }>;
  seen(job: string, ids: Iterable<string>, now: number): void;
  clear(job: string): void;
}

export function createPartitions(db: LedgerDatabase): Partitions {
  // One text for all of them: reading as many rows takes ten times as long.
  const select = db
    .prepare('SELECT json_group_array(json_array(id, first_seen, last_seen)) FROM partition WHERE job = ?')
    .raw();
  const upsert = db.prepare(
    `INSERT INTO partition (job, id, first_seen, last_seen) VALUES (?, ?, ?, ?)
     ON CONFLICT (job, id) DO UPDATE SET last_seen = excluded.last_seen`,
  );
  const again = db.prepare('UPDATE partition SET last_seen = ? WHERE job = ? AND last_seen = ?');
  const remove = db.prepare('DELETE FROM partition WHERE job = ?');

  function of(job: string): Map<string, { firstSeen: number; lastSeen: number }> {
    const [text] = select.get(job) as [string];
    const rows = JSON.parse(text) as [string, number, number][];
    return new Map(rows.map(([id, firstSeen, lastSeen]) => [id, { firstSeen, lastSeen }]));
  }

  return {
    of,
    seen: (job, ids, now) => {
      const listed = new Set(ids);
      const all = [...of(job)];
      const last = all.reduce((latest, [, { lastSeen }]) => Math.max(latest, lastSeen), 0);
      const before = all.filter(([, { lastSeen }]) => lastSeen === last);
      // Mostly the same ones are listed again: one statement instead of one for each.
      if (before.length === listed.size && before.every(([id]) => listed.has(id))) again.run(now, job, last);
      else for (const id of listed) upsert.run(job, id, now, now);
    },
    clear: (job) => void remove.run(job),
  };
}

/** How many tokens arrived by each age: `age` is that of the read that first showed them. */
export interface Lateness {
  of(job: string): { age: number; tokens: number }[];
  add(job: string, age: number, tokens: number): void;
}

export function createLateness(db: LedgerDatabase): Lateness {
  const select = db.prepare('SELECT age, tokens FROM lateness WHERE job = ? ORDER BY age').raw();
  const upsert = db.prepare(
    `INSERT INTO lateness (job, age, tokens) VALUES (?, ?, ?)
     ON CONFLICT (job, age) DO UPDATE SET tokens = tokens + excluded.tokens`,
  );
  return {
    of: (job) => (select.all(job) as [number, number][]).map(([age, tokens]) => ({ age, tokens })),
    add: (job, age, tokens) => void upsert.run(job, age, tokens),
  };
}

/** Running totals per job that outlive the process: revisions, disagreements, withdrawn series. */
export interface Counters {
  of(job: string): Readonly<Record<string, number>>;
  add(job: string, name: string, value: number): void;
}

export function createCounters(db: LedgerDatabase): Counters {
  const select = db.prepare('SELECT name, value FROM counter WHERE job = ?').raw();
  const upsert = db.prepare(
    `INSERT INTO counter (job, name, value) VALUES (?, ?, ?)
     ON CONFLICT (job, name) DO UPDATE SET value = value + excluded.value`,
  );
  return {
    of: (job) => Object.fromEntries(select.all(job) as [string, number][]),
    add: (job, name, value) => void upsert.run(job, name, value),
  };
}

/** Small facts that a provider remembers. */
export interface Memories {
  get(job: string, key: string): string | undefined;
  set(job: string, key: string, value: string): void;
}

export function createMemories(db: LedgerDatabase): Memories {
  const select = db.prepare('SELECT value FROM memory WHERE job = ? AND key = ?').raw();
  const insert = db.prepare('INSERT OR REPLACE INTO memory (job, key, value) VALUES (?, ?, ?)');
  return {
    get: (job, key) => (select.get(job, key) as [string] | undefined)?.[0],
    set: (job, key, value) => void insert.run(job, key, value),
  };
}

/** The tag values that the cardinality guard has let in. */
export interface Admitted {
  of(job: string): { tag: string; value: string }[];
  add(job: string, tag: string, value: string): void;
}

export function createAdmitted(db: LedgerDatabase): Admitted {
  const select = db.prepare('SELECT tag, value FROM admitted WHERE job = ?').raw();
  const insert = db.prepare('INSERT OR IGNORE INTO admitted (job, tag, value) VALUES (?, ?, ?)');
  return {
    of: (job) => (select.all(job) as [string, string][]).map(([tag, value]) => ({ tag, value })),
    add: (job, tag, value) => void insert.run(job, tag, value),
  };
}

/** One `reconcile` of a job over a range. Token counts as text, exact. */
export interface Reconciliation {
  readonly at: number;
  readonly start: number;
  readonly end: number;
  readonly provider: string;
  readonly stored: string;
  readonly differences: number;
}

export interface Reconciliations {
  of(job: string): Reconciliation[];
  add(job: string, row: Reconciliation): void;
}

export function createReconciliations(db: LedgerDatabase): Reconciliations {
  const select = db
    .prepare(
      'SELECT at, start, end, provider, stored, differences FROM reconciliation WHERE job = ? ORDER BY at',
    )
    .raw();
  const insert = db.prepare('INSERT OR REPLACE INTO reconciliation VALUES (?, ?, ?, ?, ?, ?, ?)');
  return {
    of: (job) =>
      (select.all(job) as [number, number, number, string, string, number][]).map(
        ([at, start, end, provider, stored, differences]) => ({
          at,
          start,
          end,
          provider,
          stored,
          differences,
        }),
      ),
    add: (job, row) =>
      void insert.run(job, row.at, row.start, row.end, row.provider, row.stored, row.differences),
  };
}
