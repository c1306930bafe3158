import { HOUR } from '../../windows/units.ts';
import type { Window } from '../../windows/window.ts';
import type { AccountSums, Column } from '../load.ts';
import type { HourlySeries, Scope } from '../types.ts';
import type { Tags } from '../../usage/point.ts';

/** What the rules use. */
const COLUMNS = ['tokens', 'input', 'output', 'cached'] as const satisfies Column[];

type Values = Partial<Record<Column, Float64Array>> & {
  readonly scope: Scope;
  /** A user who changed teams is in the last one. */
  readonly tags: Tags;
  readonly start: number;
  tokens: Float64Array;
};

/** Hourly sums of the series of one account. Hours that nobody read are NaN. */
export interface AccountSeries {
  /** In the order of their first usage. */
  readonly all: readonly HourlySeries[];
  /** Hours of which the ledger or the store knows something. */
  isRead(index: number): boolean;
  /** 1 where the hour has a point. */
  readonly seen: Uint8Array;
  /**
   * Replaces the sums of hours that were read from the store again, and enters which hours the collector has read.
   * Returns the first hour with another value, or Infinity.
   */
  update(
    sums: readonly { readonly window: Window; readonly account?: AccountSums }[],
    covered: readonly Window[],
  ): number;
}

export function createAccountSeries({ start, end }: Window): AccountSeries {
  const length = (end - start) / HOUR;
  const series = new Map<string, Values>();
  const seen = new Uint8Array(length);
  const read = new Uint8Array(length);
  let changed = Infinity;

  function set(values: Float64Array, index: number, value: number): void {
    if (Object.is(values[index], value)) return;
    values[index] = value;
    changed = Math.min(changed, index);
  }

  function enter({ start: from, end: to }: Window, account: AccountSums | undefined): void {
    const first = (from - start) / HOUR;
    const hours = (to - from) / HOUR;
    seen.set(account?.seen.subarray(0, hours) ?? new Uint8Array(hours), first);
    for (const [key, { scope, tags }] of account?.sums ?? []) {
      const known = series.get(key);
      if (known) series.set(key, Object.assign(known, { tags: { ...tags } }));
      else series.set(key, { scope, tags: { ...tags }, start, tokens: emptyLike(read) });
    }
    for (const [key, values] of series) {
      const sums = account?.sums.get(key)?.columns ?? {};
      for (const column of COLUMNS) {
        if (sums[column]) values[column] ??= emptyLike(read);
        const own = values[column];
        if (!own) continue;
        for (let hour = 0; hour < hours; hour++) set(own, first + hour, sums[column]?.[hour] ?? 0);
      }
    }
  }

  return {
    get all() {
      return [...series.values()];
    },
    seen,
    isRead: (index) => read[index] === 1,
    update: (sums, covered) => {
      changed = Infinity;
      for (const { window, account } of sums) enter(window, account);
      const now = Uint8Array.from(seen);
      for (const window of covered) {
        const from = Math.max(0, Math.ceil((window.start - start) / HOUR));
        now.fill(1, from, Math.max(from, Math.floor((window.end - start) / HOUR)));
      }
      for (let index = 0; index < length; index++) {
        if (now[index] === 1 && read[index] === 1) continue;
        for (const values of series.values()) {
          for (const column of COLUMNS) {
            const own = values[column];
            if (!own) continue;
            if (now[index] === 0) set(own, index, Number.NaN);
            else if (Number.isNaN(own[index])) set(own, index, 0);
          }
        }
      }
      read.set(now);
      return changed;
    },
  };
}

/** No usage in the hours that were read. */
function emptyLike(read: Uint8Array): Float64Array {
  return Float64Array.from(read, (known) => (known === 1 ? 0 : Number.NaN));
}
