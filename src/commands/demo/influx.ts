import type { Settings } from '../../config/settings.ts';
import { openStore } from '../../runtime.ts';
import type { Store } from '../../store/store.ts';
import { CATALOGUE } from '../../usage/catalogue.ts';
import { DAY } from '../../windows/units.ts';
import { ACCOUNT } from './jobs.ts';
import { inOptions } from './option-names.ts';
import type { DemoArguments } from './settings.ts';

/** Where the demo writes, once a test write has shown that it can. */
export interface CheckedStore {
  readonly description: string;
  readonly deletes: boolean;
}

/** @throws StoreError */
export function checkInflux(settings: Settings, now: () => number): Promise<CheckedStore> {
  return withInflux(settings, now, async (store) => {
    // The daemon logs the remarks.
    await store.check();
    return { description: store.description, deletes: store.deletes ?? true };
  });
}

/** Removes all points of the demo's account. Resolves to the description of the store. @throws StoreError */
export function removeDemo(settings: Settings, now: () => number): Promise<string> {
  const range = { start: 0, end: Math.floor(now() / 1000) + DAY };
  return withInflux(settings, now, async (store) => {
    for (const measurement of CATALOGUE.keys())
      await store.remove({ ...range, measurement, where: { account: ACCOUNT } });
    return store.description;
  });
}

async function withInflux<T>(
  settings: Settings,
  now: () => number,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  try {
    const store = await openStore({ settings, now });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  } catch (error) {
    throw inOptions(error);
  }
}

/** What is written where, and how to remove it. */
export function influxBanner(store: CheckedStore, args: DemoArguments): string {
  return [
    '',
    '  tokentide demo: simulated providers on this machine, made-up usage, no account.',
    `  The made-up usage goes to ${store.description}, with the account ${ACCOUNT}.`,
    `  ${removalOf(store, args)}`,
    '',
  ].join('\n');
}

export function removalOf(store: CheckedStore, args: DemoArguments): string {
  return store.deletes
    ? `To remove it again: ${commandLine(args)} --remove`
    : 'This server cannot delete points: use a database of its own for the demo.';
}

/** `tokentide demo --influx http://localhost:8086 --bucket usage`, for a shell. The token is left to the environment. */
function commandLine({ influx, org, bucket, database }: DemoArguments): string {
  const options = Object.entries({ influx, org, bucket, database }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, quoted(value)],
  );
  return ['tokentide', 'demo', ...options].join(' ');
}

function quoted(text: string): string {
  return /^[\w.:/@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
