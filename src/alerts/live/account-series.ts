import { HOUR } from '../../windows/units.ts';
import type { Window } from '../../windows/window.ts';
import type { AccountSums } from '../load.ts';
import type { HourlySeries, Scope } from '../types.ts';
import type { Tags } from '../../usage/point.ts';

interface Values {
  readonly scope: Scope;
  /** A user who changed teams is in the last one. */
  readonly tags: Tags;
  readonly start: number;
  readonly tokens: Float64Array;
}

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

  function set({ tokens }: Values, index: number, value: number): void {
    if (Object.is(tokens[index], value)) return;
    tokens[index] = value;
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
      const sums = account?.sums.get(key)?.columns.tokens;
      for (let hour = 0; hour < hours; hour++) set(values, first + hour, sums?.[hour] ?? 0);
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
        for (const values of series.values()) {
          if (now[index] === 0) set(values, index, Number.NaN);
          else if (Number.isNaN(values.tokens[index])) set(values, index, 0);
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
