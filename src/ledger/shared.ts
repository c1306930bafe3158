import type { LedgerDatabase } from './database.ts';

/** No pause is longer than this: a slot further ahead was booked under a clock that has been set back. */
const FURTHEST_MS = 3_600_000;

/** When each host may be asked next, shared by every process on one data folder. Milliseconds since the epoch. */
export interface Slots {
  /** Books the host's next free slot and tells when it starts. */
  reserve(host: string, spacingMs: number, nowMs: number): number;
  /** No slot booked from now on starts before `untilMs`. */
  pause(host: string, untilMs: number): void;
}

export function createSlots(db: LedgerDatabase): Slots {
  const reserve = db
    .prepare(
      `INSERT INTO slot (host, next_at) VALUES ($host, $now + $spacing) ON CONFLICT (host)
       DO UPDATE SET next_at = $spacing + iif(next_at - $now > ${FURTHEST_MS}, $now, max(next_at, $now))
       RETURNING next_at`,
    )
    .raw();
  const pause = db.prepare(
    `INSERT INTO slot (host, next_at) VALUES (?, ?) ON CONFLICT (host)
     DO UPDATE SET next_at = max(next_at, excluded.next_at)`,
  );
  return {
    reserve: (host, spacing, now) => {
      const [next] = reserve.all({ host, spacing, now })[0] as [number];
      return next - spacing;
    },
    pause: (host, untilMs) => void pause.run(host, untilMs),
  };
}

/** Work that only one process may do at a time. A lease that is not renewed runs out, so a killed process blocks nobody for long. */
export interface Leases {
  /** Takes or renews the lease; false while somebody else holds it. Seconds. */
  take(name: string, owner: string, now: number, seconds: number): boolean;
  release(name: string, owner: string): void;
  holder(name: string, now: number): string | undefined;
}

export function createLeases(db: LedgerDatabase): Leases {
  const take = db
    .prepare(
      `INSERT INTO lease (name, owner, until) VALUES (?, ?, ?) ON CONFLICT (name)
       DO UPDATE SET owner = excluded.owner, until = excluded.until
       WHERE owner = excluded.owner OR until <= ? RETURNING owner`,
    )
    .raw();
  const release = db.prepare('DELETE FROM lease WHERE name = ? AND owner = ?');
  const holder = db.prepare('SELECT owner FROM lease WHERE name = ? AND until > ?').raw();
  return {
    take: (name, owner, now, seconds) => take.all(name, owner, now + seconds, now).length > 0,
    release: (name, owner) => void release.run(name, owner),
    holder: (name, now) => (holder.get(name, now) as [string] | undefined)?.[0],
  };
}
