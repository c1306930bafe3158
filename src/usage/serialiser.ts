import { CATALOGUE, measurementNamed, type Catalogue } from './catalogue.ts';
import { NO_LIMITS, restOf, seriesOf, type LineLimits } from './line-protocol.ts';
import { MEASUREMENT, type Point, type Tags } from './point.ts';

/** Points as lines of line protocol, each ended by a newline. @throws RangeError as `toLine` does */
export type Serialiser = (points: readonly Point[]) => Buffer;

/** Initial size: about 5,000 typical lines. */
const INITIAL_BYTES = 2 * 1024 * 1024;

/** `toLine` for many points: the text of a series is built once per tags object, which points of a series share. */
export function createSerialiser(
  limits: LineLimits = NO_LIMITS,
  catalogue: Catalogue = CATALOGUE,
): Serialiser {
  const prefixes = new Map<string, WeakMap<Tags, Buffer>>();

  function prefixOf({ measurement: name = MEASUREMENT, tags }: Point): Buffer {
    let ofMeasurement = prefixes.get(name);
    if (!ofMeasurement) prefixes.set(name, (ofMeasurement = new WeakMap()));
    let prefix = ofMeasurement.get(tags);
    if (!prefix) {
      prefix = Buffer.from(seriesOf(measurementNamed(catalogue, name), tags, limits));
      ofMeasurement.set(tags, prefix);
    }
    return prefix;
  }

  return (points) => {
    let bytes = Buffer.allocUnsafe(INITIAL_BYTES);
    let end = 0;
    for (const point of points) {
      const prefix = prefixOf(point);
      const rest = restOf(measurementNamed(catalogue, point.measurement ?? MEASUREMENT), point);
      const needed = end + prefix.length + rest.length + 1;
      if (needed > bytes.length) bytes = Buffer.concat([bytes.subarray(0, end)], 2 * needed);
      bytes.set(prefix, end);
      bytes.write(`${rest}\n`, end + prefix.length, 'latin1');
      end = needed;
    }
    return bytes.subarray(0, end);
  };
}
