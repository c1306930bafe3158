import { CATALOGUE, measurementNamed, type Catalogue, type Measurement } from './catalogue.ts';
import { NO_LIMITS, restOf, seriesOf, type LineLimits } from './line-protocol.ts';
import { MEASUREMENT, type Point, type Tag } from './point.ts';

/** Points as lines of line protocol, each ended by a newline. @throws RangeError as `toLine` does */
export type Serialiser = (points: readonly Point[]) => Buffer;

/** Of one line. */
const TYPICAL_BYTES = 400;
/** Series whose bytes are kept: about 10 MB. */
const MAX_SERIES = 50_000;

/** A level of the tree of known series: the next tag and its value, in the order of the tags object. */
interface Node {
  readonly children: Map<string, Map<string | undefined, Node>>;
  /** The child found last: most points in a row agree on most tags. */
  tag: string | undefined;
  value: string | undefined;
  child: Node | undefined;
  /** Measurement and tags as bytes. */
  series: Buffer | undefined;
}

/** `toLine` for many points: the bytes of a series are built once, and found again by the values of its tags. */
export function createSerialiser(
  limits: LineLimits = NO_LIMITS,
  catalogue: Catalogue = CATALOGUE,
): Serialiser {
  const roots = new Map<Measurement, Node>();
  let known = 0;

  function seriesBytes(measurement: Measurement, { tags }: Point): Buffer {
    let node = roots.get(measurement);
    if (!node) roots.set(measurement, (node = createNode()));
    for (const tag in tags) node = childOf(node, tag, tags[tag as Tag]);
    if (node.series === undefined) {
      node.series = Buffer.from(seriesOf(measurement, tags, limits));
      if (++known > MAX_SERIES) {
        roots.clear();
        known = 0;
      }
    }
    return node.series;
  }

  return (points) => {
    let bytes = Buffer.allocUnsafe(points.length * TYPICAL_BYTES);
    let end = 0;
    for (const point of points) {
      const measurement = measurementNamed(catalogue, point.measurement ?? MEASUREMENT);
      const series = seriesBytes(measurement, point);
      // Fields and time are ASCII.
      const rest = `${restOf(measurement, point)}\n`;
      const next = end + series.length + rest.length;
      if (next > bytes.length) bytes = Buffer.concat([bytes.subarray(0, end)], 2 * next);
      bytes.set(series, end);
      bytes.write(rest, end + series.length, 'latin1');
      end = next;
    }
    return bytes.subarray(0, end);
  };
}

function childOf(node: Node, tag: string, value: string | undefined): Node {
  if (node.child && node.tag === tag && node.value === value) return node.child;
  let values = node.children.get(tag);
  if (!values) node.children.set(tag, (values = new Map()));
  let child = values.get(value);
  if (!child) values.set(value, (child = createNode()));
  node.tag = tag;
  node.value = value;
  node.child = child;
  return child;
}

function createNode(): Node {
  return { children: new Map(), tag: undefined, value: undefined, child: undefined, series: undefined };
}
