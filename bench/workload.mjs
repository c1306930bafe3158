// What every part of the bench works on: usage of 3,000 series as a mid-sized company has it, always the same.
import { z } from 'zod';
import { CountField } from '../build/usage/count-schema.js';
import { FIELDS } from '../build/usage/point.js';
import { TimeField } from '../build/usage/time-schema.js';

const HOUR = 3600;
export const START = 1_767_225_600;
export const SERIES = 3000;
const USERS = 600;
const MODELS = [
  'doubao-seed-1-6-251015',
  'deepseek-v3-1-terminus',
  'claude-sonnet-4-5',
  'kimi-k2-250905',
  'gpt-5-codex',
];

/** The row of series `i` in hour `hour`, as a vendor would send it. */
export function row(i, hour) {
  const user = i % USERS;
  const input = 1000 + ((i * 7919 + hour * 104_729) % 900_000);
  const output = 10 + ((i * 31 + hour * 17) % 40_000);
  return {
    request_time: START + hour * HOUR,
    user: `user-${user}@example.com`,
    model: MODELS[Math.floor(i / USERS)],
    key: `uaikey-${(user * 2_654_435_761).toString(36)}`,
    input_token: input,
    output_token: output,
    total_token: input + output,
    cached_token: Math.floor(input / 3),
    requests: 1 + (i % 40),
  };
}

/** Answers of `rowsPerAnswer` rows as JSON text, `rows` rows in all. */
export function answers(rows, rowsPerAnswer) {
  const texts = [];
  for (let from = 0; from < rows; from += rowsPerAnswer) {
    const data = [];
    for (let n = from; n < Math.min(rows, from + rowsPerAnswer); n++)
      data.push(row(n % SERIES, Math.floor(n / SERIES)));
    texts.push(JSON.stringify({ code: 0, data }));
  }
  return texts;
}

/** The schema of such an answer, made of what the providers' own schemas are made of. */
export const Answer = z.object({
  code: z.int(),
  data: z.array(
    z.object({
      request_time: TimeField,
      user: z.string().min(1),
      model: z.string().min(1),
      key: z.string().min(1),
      input_token: CountField,
      output_token: CountField,
      total_token: CountField,
      cached_token: CountField,
      requests: CountField,
    }),
  ),
});

/** A row of a good answer as a point. */
export function toPoint(row) {
  return {
    time: row.request_time,
    tags: {
      provider: 'bench',
      account: 'main',
      bucket: '1h',
      model: row.model,
      user: row.user,
      key: row.key,
    },
    fields: {
      input_tokens: row.input_token,
      output_tokens: row.output_token,
      total_tokens: row.total_token,
      cached_input_tokens: row.cached_token,
      requests: row.requests,
    },
  };
}

export function points(count) {
  return Array.from({ length: count }, (_, n) => toPoint(row(n % SERIES, Math.floor(n / SERIES))));
}

/** The truth that a sink must arrive at: how many points, and the sum of each field. */
export function truthOf(list) {
  const sums = Object.fromEntries(FIELDS.map((field) => [field, 0n]));
  for (const { fields } of list) for (const field of FIELDS) sums[field] += BigInt(fields[field] ?? 0);
  return { points: list.length, sums };
}

/** Usage points and sums of line protocol, a later line of the same series and time replacing an earlier one. */
export function createTally() {
  const lines = new Map();
  let written = 0;
  return {
    add(text) {
      for (const line of text.split('\n')) {
        if (!line.startsWith('llm_token_usage,')) continue;
        written++;
        const [series, fields, time] = line.split(' ');
        lines.set(`${series} ${time}`, fields);
      }
    },
    truth() {
      const sums = Object.fromEntries(FIELDS.map((field) => [field, 0n]));
      for (const fields of lines.values()) {
        for (const pair of fields.split(',')) {
          const [field, digits] = pair.split('=');
          if (field in sums) sums[field] += BigInt(digits.slice(0, -1));
        }
      }
      return { points: lines.size, lines: written, sums };
    },
  };
}

/** @throws Error that names what differs */
export function assertTruth(what, truth, found) {
  if (found.points !== truth.points)
    throw new Error(`${what}: ${found.points} points instead of ${truth.points}`);
  for (const field of FIELDS) {
    const expected = truth.sums[field] ?? 0n;
    if (found.sums[field] !== expected) {
      throw new Error(`${what}: ${field} adds up to ${found.sums[field]} instead of ${expected}`);
    }
  }
}
