import type { RateLimiter } from '../lib/rate-limiter.ts';
import type { LedgerDatabase } from './database.ts';
import { HOUR } from '../windows/units.ts';

/** The longest pause. A time further ahead was written before the clock moved backwards. */
const FURTHEST_MS = HOUR * 1000;

/** The rate limits shared by all processes on one data folder. */
export function createRateLimiter(db: LedgerDatabase): RateLimiter {
  const acquire = db
    .prepare(
      `INSERT INTO rate_limit (host, next_at) VALUES ($host, $now + $spacing) ON CONFLICT (host)
       DO UPDATE SET next_at = $spacing + iif(next_at - $now > ${FURTHEST_MS}, $now, max(next_at, $now))
       RETURNING next_at`,
    )
    .raw();
  const pause = db.prepare(
    `INSERT INTO rate_limit (host, next_at) VALUES (?, ?) ON CONFLICT (host)
     DO UPDATE SET next_at = max(next_at, excluded.next_at)`,
  );
  // Each request reserves a slot, and none matters after a power cut: do not wait for the disk.
  function unsynced<T>(write: () => T): T {
    db.exec('PRAGMA synchronous = NORMAL');
    try {
      return write();
    } finally {
      db.exec('PRAGMA synchronous = FULL');
    }
  }

  return {
    acquire: (host, spacing, now) => {
      const [next] = unsynced(() => acquire.all({ host, spacing, now }))[0] as [number];
      return next - spacing;
    },
    pause: (host, untilMs) => void unsynced(() => pause.run(host, untilMs)),
  };
}
