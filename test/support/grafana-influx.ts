import { createSerialiser } from '../../src/usage/serialiser.ts';
import type { Point } from '../../src/usage/point.ts';
import { influxQuery } from './servers.ts';

/** One series of an answer of InfluxQL. */
export interface AnswerSeries {
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly values: readonly (readonly (number | string | null)[])[];
}

export interface Answer {
  readonly error?: string;
  readonly series: readonly AnswerSeries[];
}

const LINES = 5_000;

export async function fill(url: string, database: string, points: readonly Point[]): Promise<void> {
  await influxQuery(url, `CREATE DATABASE "${database}"`);
  const serialise = createSerialiser();
  for (let at = 0; at < points.length; at += LINES) {
    const response = await fetch(`${url}/write?db=${database}&precision=s`, {
      method: 'POST',
      body: new Uint8Array(serialise(points.slice(at, at + LINES))),
    });
    if (!response.ok) throw new Error(await response.text());
  }
}

/** The answer of one statement, with `now()` at `now` (Unix seconds) if it is given: a server's clock cannot be set. */
export async function ask(url: string, database: string, query: string, now?: number): Promise<Answer> {
  const sent = now === undefined ? query : query.replaceAll('now()', `${now}s`);
  const text = await influxQuery(url, sent, { db: database, epoch: 'ms' });
  const { error, results } = JSON.parse(text) as {
    error?: string;
    results?: { error?: string; series?: AnswerSeries[]; messages?: { text: string }[] }[];
  };
  const [result] = results ?? [];
  const problem = error ?? result?.error ?? result?.messages?.[0]?.text;
  return { series: result?.series ?? [], ...(problem !== undefined && { error: problem }) };
}

export const rowsOf = ({ series }: Answer): number =>
  series.reduce((rows, { values }) => rows + values.length, 0);

/** Numbers of a column over all series and rows. */
export function column({ series }: Answer, name: string): number[] {
  return series.flatMap(({ columns, values }) => {
    const index = columns.indexOf(name);
    return values.map((row) => row[index]).filter((value) => typeof value === 'number');
  });
}
