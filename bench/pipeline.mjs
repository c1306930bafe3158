import { constants, gzipSync } from 'node:zlib';
import { InfluxDB } from '@influxdata/influxdb-client';
import { Secret } from '../build/lib/secret.js';
import { openInfluxStore } from '../build/store/influxdb.js';
import { parseJson } from '../build/usage/json.js';
import { compare, median, ratio } from './measure.mjs';
import { clientPoint } from './serialise.mjs';
import { startSink } from './sink.mjs';
import { Answer, answers, assertTruth, points, toPoint, truthOf } from './workload.mjs';

const COUNT = 200_000;
const PER_ANSWER = 20_000;
const ROUNDS = 7;

/** From the text of an answer to the acknowledged write: ours, the client's default path, and the bare minimum. */
export async function benchPipeline() {
  const sink = await startSink();
  const texts = answers(COUNT, PER_ANSWER);
  const truth = truthOf(points(COUNT));
  const store = await openStore(sink.url);

  // As the collector does it: the next answer is read while the one before is on its way.
  async function ours() {
    let writing = Promise.resolve({ accepted: PER_ANSWER });
    const written = async () => {
      const { accepted } = await writing;
      if (accepted !== PER_ANSWER)
        throw new Error(`our path: ${accepted} of ${PER_ANSWER} points acknowledged`);
    };
    for (const text of texts) {
      const points = Answer.parse(parseJson(text)).data.map(toPoint);
      await written();
      writing = store.write(points);
    }
    await written();
  }

  // The same answers, checked the same way, then the client as documented; over when all is acknowledged.
  async function client() {
    let acknowledged = 0;
    await new Promise((resolve, reject) => {
      const writeSuccess = (lines) => {
        acknowledged += lines.length;
        if (acknowledged === COUNT) resolve();
      };
      const influx = new InfluxDB({ url: sink.url, token: 'none' });
      const writeApi = influx.getWriteApi('bench', 'bench', 's', { writeSuccess, writeFailed: reject });
      for (const text of texts)
        writeApi.writePoints(Answer.parse(JSON.parse(text)).data.map(toPoint).map(clientPoint));
      writeApi.close().catch(reject);
    });
  }

  // What no path can do without: no check, no points, no network.
  function bare() {
    for (const text of texts) {
      const { data } = JSON.parse(text);
      for (let i = 0; i < data.length; i += 5000) {
        let lines = '';
        for (let n = i; n < Math.min(data.length, i + 5000); n++) lines += lineOf(data[n]);
        gzipSync(lines, { level: constants.Z_BEST_SPEED });
      }
    }
  }

  try {
    for (const [name, run] of Object.entries({ 'our path': ours, "the client's path": client })) {
      await sink.reset();
      await run();
      const found = await sink.totals();
      assertTruth(name, truth, found);
      if (found.lines !== COUNT)
        throw new Error(`${name}: ${found.lines} lines were sent for ${COUNT} points`);
    }
    const times = await compare(ROUNDS, {
      ours: () => sink.reset().then(ours),
      client: () => sink.reset().then(client),
      bare,
    });
    return {
      perSecond: COUNT / (median(times.ours) / 1000),
      clientPerSecond: COUNT / (median(times.client) / 1000),
      barePerSecond: COUNT / (median(times.bare) / 1000),
      ratio: ratio(times.client, times.ours),
      share: ratio(times.bare, times.ours),
    };
  } finally {
    await store.close();
    sink.close();
  }
}

export function openStore(url) {
  return openInfluxStore({
    url,
    version: '2',
    org: 'bench',
    bucket: 'bench',
    token: new Secret('none'),
    deadLetters: { add: refuse, count: () => 0, discarded: () => 0 },
    now: Date.now,
    sleep: async () => {},
  });
}

function refuse(rejections) {
  if (rejections.length > 0) throw new Error(`the sink refuses nothing, and yet: ${rejections[0].reason}`);
}

function lineOf(row) {
  return `llm_token_usage,account=main,bucket=1h,key=${row.key},model=${row.model},provider=bench,user=${row.user} input_tokens=${row.input_token}i,output_tokens=${row.output_token}i,total_tokens=${row.total_token}i,cached_input_tokens=${row.cached_token}i,requests=${row.requests}i ${row.request_time}\n`;
}
