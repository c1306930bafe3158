import { Secret } from '../../src/lib/secret.ts';
import type { InfluxTarget } from '../../src/store/influxdb/options.ts';
import { toLine } from '../../src/usage/line-protocol.ts';
import type { Point } from '../../src/usage/point.ts';

/** A token that may be seen in no other place than the request's own header. */
export const CANARY = 'canary-7f3a9c51';

/** An InfluxDB 2 at this address. */
export function influx2At(url: string): InfluxTarget {
  return { url, org: 'acme', bucket: 'usage', token: new Secret(CANARY) };
}

/** The point of hour and user `index`. */
export function hourly(index: number, requests = index + 1): Point {
  return {
    time: 1_735_689_600 + 3_600 * index,
    tags: { provider: 'trae', user: `u${index}` },
    fields: { requests },
  };
}

export function hourlies(count: number): Point[] {
  return Array.from({ length: count }, (_, index) => hourly(index));
}

/** What identifies the point in a `ScriptedInflux`. */
export function storedKey(point: Point): string {
  const [series, , time] = toLine(point).split(/(?<!\\) /);
  return `${series} ${time}`;
}

/** The counts of requests that a server holds, in order of size. */
export function storedRequests(stored: ReadonlyMap<string, string>): number[] {
  return [...stored.values()]
    .map((fields) => Number(/requests=([0-9]+)i/.exec(fields)?.[1]))
    .toSorted((a, b) => a - b);
}
