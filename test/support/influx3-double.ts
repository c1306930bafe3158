import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { stringify } from 'lossless-json';

type Value = number | bigint | string;

interface Row {
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly time: number;
  readonly fields: Record<string, Value>;
}

/**
 * As much of InfluxDB 3 as the store uses, in memory: databases that a write creates, and InfluxQL answered as 3.10
 * does with `chunked=true`, one JSON document after the other with nothing in between.
 */
export interface Influx3Double {
  readonly url: string;
  /** The names of its databases. */
  readonly databases: ReadonlySet<string>;
  close(): Promise<void>;
}

export async function startInflux3Double(...existing: string[]): Promise<Influx3Double> {
  const databases = new Map<string, Map<string, Row>>(existing.map((name) => [name, new Map()]));

  function write(database: string, text: string): void {
    const rows = databases.get(database) ?? new Map<string, Row>();
    databases.set(database, rows);
    for (const line of text.split('\n').filter((each) => each !== '' && !each.startsWith('#'))) {
      const row = parseLine(line);
      const key = JSON.stringify([row.measurement, Object.entries(row.tags), row.time]);
      rows.set(key, { ...row, fields: { ...rows.get(key)?.fields, ...row.fields } });
    }
  }

  function query(form: URLSearchParams): string | undefined {
    const rows = databases.get(form.get('db') ?? '');
    return rows && answerOf(form.get('q') ?? '', [...rows.values()]).join('');
  }

  const server = createServer((incoming, response) => void handle(incoming, response));
  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { pathname, searchParams } = new URL(incoming.url ?? '', 'http://double');
    if (pathname === '/ping') return void response.end('{"version":"3.10.0","revision":"double"}');
    if (pathname === '/api/v2/write') {
      write(searchParams.get('bucket') ?? '', gunzipSync(body).toString());
      return void response.writeHead(204).end();
    }
    const answer = query(new URLSearchParams(body.toString()));
    if (answer === undefined)
      return void response.writeHead(404).end('{"error":"query error: database not found"}');
    // Cut anywhere, as a network does.
    for (let at = 0; at < answer.length; at += 1_000) response.write(answer.slice(at, at + 1_000));
    return void response.end();
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get databases() {
      return new Set(databases.keys());
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function parseLine(line: string): Row {
  const [series = '', fields = '', time] = line.split(/(?<!\\) /);
  const [measurement = '', ...pairs] = series.split(/(?<!\\),/);
  const tags = pairs.map((pair) => pair.split(/(?<!\\)=/).map((text) => text.replace(/\\([,= ])/g, '$1')));
  const values = fields.split(',').map((field): [string, Value] => {
    const [name = '', text = ''] = field.split('=');
    if (text.startsWith('"')) return [name, text.slice(1, -1)];
    return [name, text.endsWith('i') ? BigInt(text.slice(0, -1)) : Number(text)];
  });
  return {
    measurement,
    tags: Object.fromEntries(tags) as Record<string, string>,
    time: Number(time ?? Math.floor(Date.now() / 1000)),
    fields: Object.fromEntries(values),
  };
}

/** The documents of an answer. */
function answerOf(statement: string, rows: readonly Row[]): string[] {
  const [, select = '', measurement = '', where = '', , group = ''] =
    /^SELECT (.+?) FROM "(.+?)" WHERE (.+?)( GROUP BY (.+?))?( fill\(none\))?$/s.exec(statement) ?? [];
  const columns = [...select.matchAll(/(?:(sum|mean|count)\()?"([^"]+)"/g)]
    .filter(({ index }) => !select.slice(0, index).endsWith('AS '))
    .map(([, aggregate, name = '']) => ({ aggregate, name }));
  const matches = conditionOf(where);
  const by = [...group.matchAll(/"([^"]+)"/g)].map(([, tag = '']) => tag);
  const [, width, offset] = /time\(([0-9]+)s, ([0-9]+)s\)/.exec(group) ?? [];
  const stepOf = (time: number): number => {
    if (width === undefined) return columns[0]?.aggregate ? 0 : time;
    return Math.floor((time - Number(offset)) / Number(width)) * Number(width) + Number(offset);
  };

  const groups = new Map<string, { tags: Record<string, string>; steps: Map<number, Row[]> }>();
  for (const row of rows.filter((each) => each.measurement === measurement && matches(each))) {
    if (!columns.some(({ name }) => name in row.fields)) continue;
    const tags = Object.fromEntries(by.map((tag) => [tag, row.tags[tag] ?? '']));
    const key = JSON.stringify(tags);
    const found = groups.get(key) ?? { tags, steps: new Map<number, Row[]>() };
    groups.set(key, found);
    const step = stepOf(row.time);
    const inStep = found.steps.get(step);
    if (inStep) inStep.push(row);
    else found.steps.set(step, [row]);
  }
  const documents = [...groups.values()].map(({ tags, steps }) => {
    const values = [...steps].map(([time, inStep]) => [
      time,
      ...columns.map((column) => valueOf(column, inStep)),
    ]);
    const series = { name: measurement, tags, columns: ['time', ...columns.map(({ name }) => name)], values };
    return stringify({ results: [{ statement_id: 0, series: [series] }] })!;
  });
  return documents.length > 0 ? documents : ['{"results":[{"statement_id":0}]}'];
}

function valueOf(
  { aggregate, name }: { aggregate: string | undefined; name: string },
  rows: readonly Row[],
): unknown {
  const values = rows.flatMap(({ fields }) => (fields[name] === undefined ? [] : [fields[name]]));
  if (values.length === 0) return null;
  if (aggregate === undefined) return values[0];
  if (aggregate === 'count') return values.length;
  const numbers = values.map(Number);
  if (aggregate === 'mean') return numbers.reduce((a, b) => a + b) / numbers.length;
  if (typeof values[0] === 'number') return numbers.reduce((a, b) => a + b);
  return BigInt.asIntN(
    64,
    values.reduce<bigint>((a, b) => a + BigInt(b), 0n),
  );
}

/** A condition of times and tags, joined by AND, OR and brackets. */
function conditionOf(text: string): (row: Row) => boolean {
  const tokens =
    text.match(/\(|\)|AND|OR|time|[<>!]?=|<|>|-?[0-9]+s|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g) ?? [];
  let at = 0;
  type Test = (row: Row) => boolean;
  const either = (): Test => {
    const tests = [both()];
    while (tokens[at] === 'OR') {
      at++;
      tests.push(both());
    }
    return (row) => tests.some((test) => test(row));
  };
  const both = (): Test => {
    const tests = [one()];
    while (tokens[at] === 'AND') {
      at++;
      tests.push(one());
    }
    return (row) => tests.every((test) => test(row));
  };
  const one = (): Test => {
    const name = tokens[at++] ?? '';
    if (name === '(') {
      const inner = either();
      at++;
      return inner;
    }
    const operator = tokens[at++];
    const value = tokens[at++] ?? '';
    if (name === 'time') {
      const seconds = Number.parseInt(value, 10);
      if (operator === '>=') return ({ time }) => time >= seconds;
      return operator === '<' ? ({ time }) => time < seconds : ({ time }) => time === seconds;
    }
    const tag = name.slice(1, -1);
    const text = value.slice(1, -1).replace(/\\(.)/g, '$1');
    return ({ tags }) => ((tags[tag] ?? '') === text) === (operator === '=');
  };
  return either();
}
