import { InfluxDB, Point } from '@influxdata/influxdb-client';
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
  return new Point('llm_token_usage')
    .tag('provider', tags.provider)
    .tag('account', tags.account)
    .tag('bucket', tags.bucket)
    .tag('model', tags.model)
    .tag('user', tags.user)
    .tag('key', tags.key)
    .intField('input_tokens', fields.input_tokens)
    .intField('output_tokens', fields.output_tokens)
    .intField('total_tokens', fields.total_tokens)
    .intField('cached_input_tokens', fields.cached_input_tokens)
    .intField('requests', fields.requests)
    .timestamp(time);
}

function tallyOf(texts) {
  const tally = createTally();
  for (const text of texts) tally.add(text.toString());
  return tally.truth();
}
