import type { Tags } from '../usage/point.ts';
import type { HourlySeries } from './types.ts';

/** The same for all series of an account. */
export function accountKey({ provider, account }: Tags): string {
  return JSON.stringify([provider, account]);
}

/** Accounts have nothing to do with one another, and may have thresholds of their own. */
export function groupByAccount(series: readonly HourlySeries[]): HourlySeries[][] {
  const accounts = new Map<string, HourlySeries[]>();
  for (const one of series) {
    const key = accountKey(one.tags);
    const group = accounts.get(key);
    if (group) group.push(one);
    else accounts.set(key, [one]);
  }
  return [...accounts.values()];
}
