import { InfluxDB, Point } from '@influxdata/influxdb-client';
import { USAGE } from '../build/usage/catalogue.js';
import { createSerialiser } from '../build/usage/serialiser.js';
import { compare, median, ratio } from './measure.mjs';
import { assertTruth, createTally, points, truthOf } from './workload.mjs';

const COUNT = 150_000;
const CHUNK = 5000;
const ROUNDS = 9;

/** Points to line protocol: ours against the client's `Point`. */
export async function benchSerialise() {
  const list = points(COUNT);
  const truth = truthOf(list);
  const chunks = [];
  for (let i = 0; i < COUNT; i += CHUNK) chunks.push(list.slice(i, i + CHUNK));
  const serialise = createSerialiser();
  const writeApi = new InfluxDB({ url: 'http://127.0.0.1', token: 'none' }).getWriteApi(
    'bench',
    'bench',
    's',
  );
  const ours = () => chunks.map((chunk) => serialise(chunk));
  const client = () =>
    chunks.map((chunk) => chunk.map((point) => clientPoint(point).toLineProtocol(writeApi)).join('\n'));

  assertTruth('our serialiser', truth, tallyOf(ours()));
  assertTruth("the client's serialiser", truth, tallyOf(client()));
  const times = await compare(ROUNDS, { ours, client });

  return {
    perSecond: COUNT / (median(times.ours) / 1000),
    clientPerSecond: COUNT / (median(times.client) / 1000),
    ratio: ratio(times.client, times.ours),
  };
}

/** A point the way the client's documentation makes one. */
export function clientPoint({ time, tags, fields }) {
  const point = new Point(USAGE.name).timestamp(time);
  for (const tag in tags) point.tag(tag, tags[tag]);
  for (const field in fields) point.intField(field, fields[field]);
  return point;
}

function tallyOf(texts) {
  const tally = createTally();
  for (const text of texts) tally.add(text.toString());
  return tally.truth();
}
