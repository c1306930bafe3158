import { join } from 'node:path';
import Database from 'libsql';
import { LedgerError, ledgerError, withoutWaiting, type LedgerDatabase } from './database.ts';

/**
 * Mutual exclusion between processes. Each lease is a lock on a file beside the ledger, which the operating system
 * releases when its holder exits or is killed.
 */
export interface Leases {
  /** False while the lease is held, in this process or another. */
  take(name: string, owner: string): boolean;
  release(name: string, owner: string): void;
  /** The last holder, for messages. */
  holder(name: string): string | undefined;
  close(): void;
}

/** @param folder the folder of the lock files; without one, leases are local to this process */
export function createLeases(db: LedgerDatabase, folder: string | undefined): Leases {
  const held = new Map<string, { readonly owner: string; readonly lock: Database.Database | undefined }>();
  const insert = db.prepare('INSERT OR REPLACE INTO lease (name, owner) VALUES (?, ?)');
  const select = db.prepare('SELECT owner FROM lease WHERE name = ?').raw();

  /** The note is for messages only: neither a lock on the ledger nor a full disk may delay or fail a lease. */
  function noteHolder(name: string, owner: string): void {
    try {
      withoutWaiting(db, () => void insert.run(name, owner));
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
    }
  }

  return {
    take: (name, owner) => {
      if (held.has(name)) return false;
      const lock =
        folder === undefined ? undefined : lockFile(join(folder, `${name.replaceAll(' ', '-')}.lock`));
      if (lock === 'taken') return false;
      held.set(name, { owner, lock });
      noteHolder(name, owner);
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

/** SQLite's lock on an empty database, held while the transaction is open. Node has no other file lock. */
function lockFile(path: string): Database.Database | 'taken' {
  let lock: Database.Database | undefined;
  try {
    lock = new Database(path, { timeout: 0 });
    lock.exec('BEGIN IMMEDIATE');
    return lock;
  } catch (error) {
    lock?.close();
    if ((error as { code?: string }).code === 'SQLITE_BUSY') return 'taken';
    throw ledgerError(error, path);
  }
}
