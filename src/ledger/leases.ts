import { join } from 'node:path';
import Database from 'libsql';
import type { LedgerDatabase } from './database.ts';

/**
 * Work that only one process may do at a time. Each lease is a lock on a file beside the ledger, which the operating
 * system lets go of when its holder ends, however it ends: a killed process blocks nobody.
 */
export interface Leases {
  /** False while somebody else, in this process or another, has the lease. */
  take(name: string, owner: string): boolean;
  release(name: string, owner: string): void;
  /** Who took the lease last, for messages. */
  holder(name: string): string | undefined;
  close(): void;
}

/** @param folder where the lock files are; without one the leases hold within this process only */
export function createLeases(db: LedgerDatabase, folder: string | undefined): Leases {
  const held = new Map<string, { readonly owner: string; readonly lock: LedgerDatabase | undefined }>();
  const note = db.prepare('INSERT OR REPLACE INTO lease (name, owner) VALUES (?, ?)');
  const select = db.prepare('SELECT owner FROM lease WHERE name = ?').raw();

  return {
    take: (name, owner) => {
      if (held.has(name)) return false;
      const lock =
        folder === undefined ? undefined : lockFile(join(folder, `${name.replaceAll(' ', '-')}.lock`));
      if (lock === 'taken') return false;
      held.set(name, { owner, lock });
      note.run(name, owner);
      return true;
    },
    release: (name, owner) => {
      const lease = held.get(name);
      if (lease?.owner !== owner) return;
      held.delete(name);
      lease.lock?.close();
    },
    holder: (name) => (select.get(name) as [string] | undefined)?.[0],
    close: () => {
      for (const { lock } of held.values()) lock?.close();
      held.clear();
    },
  };
}

/** SQLite's own lock on an empty database, held as long as the transaction is open. Node has no other lock on files. */
function lockFile(path: string): LedgerDatabase | 'taken' {
  const lock = new Database(path, { timeout: 0 });
  try {
    lock.exec('BEGIN IMMEDIATE');
    return lock;
  } catch (error) {
    lock.close();
    if ((error as { code?: string }).code === 'SQLITE_BUSY') return 'taken';
    throw error;
  }
}
