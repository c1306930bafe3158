import { z } from 'zod';
import { StoreError } from '../store.ts';
import type { Connection } from './connection.ts';
import type { Answer } from './post.ts';
import { Unavailable } from './unavailable.ts';

/** The result of a write for the lines that were sent. */
export type WriteOutcome =
  | { readonly kind: 'accepted' }
  /** Fewer lines may be accepted. */
  | { readonly kind: 'too_large'; readonly reason: string }
  /** Some or all lines are rejected permanently; the others may or may not have been stored. */
  | {
      readonly kind: 'refused';
      readonly reason: string;
      /** Number of lines rejected for this reason, if reported. */
      readonly dropped: number | undefined;
      /** Reasons by line, counted from 0, if reported. */
      readonly lines: ReadonlyMap<number, string>;
    };

/**
 * Messages of errors in lines. Any other 400 concerns the request, and no point is rejected for it.
 */
const ABOUT_LINES =
  /partial write|unable to parse|line protocol|parsing failed|on line|dropped=|field type|column|beyond retention|max(imum)?[- ](key|series|values)/i;

/** @throws Unavailable if it may succeed later; StoreError of kind `config` if a person must act */
export function classifyResponse(answer: Answer, connection: Connection): WriteOutcome {
  const { status } = answer;
  const problem = problemOf(answer);
  const reason = connection.redact(problem.message || `HTTP ${status}`);
  if (status === 204) return { kind: 'accepted' };
  // Older versions of InfluxDB 3 and Cloud report a partial write with 201 instead of 400.
  if (status === 201 && answer.body.trim() === '') return { kind: 'accepted' };
  if (status === 413) return { kind: 'too_large', reason };
  const mayRefuse = status === 200 || status === 201 || status === 400 || status === 422;
  if (mayRefuse && ABOUT_LINES.test(problem.message)) {
    const lines = new Map([...problem.lines].map(([line, text]) => [line, connection.redact(text)]));
    const dropped = /dropped=([0-9]+)/.exec(problem.message)?.[1];
    return { kind: 'refused', reason, dropped: dropped === undefined ? undefined : Number(dropped), lines };
  }
  // 1.x reports this with 500.
  if (/retention policy not found/i.test(problem.message)) throw configError(404, reason, connection);
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const message = `${connection.description} is unavailable: HTTP ${status}, ${reason}`;
    throw new Unavailable(message, { retryAfterMs: retryAfterOf(answer), hint: hintOfOutage(reason) });
  }
  throw configError(status, reason, connection);
}

function configError(status: number, reason: string, { description, version }: Connection): StoreError {
  return new StoreError('config', `${description} answered HTTP ${status}: ${reason}`, {
    hint: hintOfAnswer(status, reason, version),
  });
}

/** After a full disk 1.x refuses writes until it is restarted. */
function hintOfOutage(reason: string): string | undefined {
  if (!/no space left/i.test(reason)) return undefined;
  return 'free disk space on the server and restart InfluxDB 1.x; tokentide keeps the points';
}

/** What to do about an error of the server, for writes and reads. */
export function hintOfAnswer(status: number, reason: string, version: Connection['version']): string {
  const byName = version === '1' || version === 'victoriametrics';
  const login = byName ? 'INFLUX_USERNAME and INFLUX_PASSWORD' : 'INFLUX_TOKEN';
  if (status === 401) return `check ${login}: the server rejected the login`;
  if (status === 403)
    return `grant the user or token the right to read and write, or set another in ${login}`;
  if (/database not found/i.test(reason) && version === '3')
    return 'create it (influxdb3 create database) or correct INFLUX_BUCKET';
  if (/database not found/i.test(reason))
    return 'create it (CREATE DATABASE in the influx shell) or correct INFLUX_DATABASE';
  if (/retention policy not found/i.test(reason)) return 'create it or correct INFLUX_RETENTION_POLICY';
  if (/bucket .*not found|not found.*bucket/i.test(reason))
    return 'create it (influx bucket create) or correct INFLUX_BUCKET';
  if (/organi[sz]ation/i.test(reason)) return 'correct INFLUX_ORG';
  if (status === 404 && version === '2')
    return 'there is no /api/v2/write at INFLUX_HOST: correct it, or set INFLUX_VERSION=1 and INFLUX_DATABASE for InfluxDB 1.x';
  if (status >= 200 && status < 300)
    return 'InfluxDB answers a write with 204: check INFLUX_HOST and any proxy';
  return 'check INFLUX_HOST, INFLUX_VERSION and any proxy';
}

const LineProblem = z.object({ line_number: z.int(), error_message: z.string() });
const Problem = z.object({
  error: z.string().optional().catch(undefined),
  message: z.string().optional().catch(undefined),
  /** InfluxDB Cloud: the first line at fault, counted from 1. */
  line: z.int().optional().catch(undefined),
  /** InfluxDB 3: the lines at fault, counted from 1. */
  data: z.array(LineProblem).optional().catch(undefined),
});

interface ProblemText {
  readonly message: string;
  readonly lines: Map<number, string>;
}

function problemOf({ headers, body, status }: Answer): ProblemText {
  const problem = parseProblem(body);
  const header = headers['x-influxdb-error'];
  const fallback = typeof header === 'string' ? header : status >= 300 ? firstLine(body) : '';
  const message = problem?.message ?? problem?.error ?? fallback;
  const lines = new Map<number, string>();
  for (const { line_number, error_message } of problem?.data ?? []) lines.set(line_number - 1, error_message);
  for (const [, line] of message.matchAll(/\bline ([0-9]+) \(1-based\)/g))
    lines.set(Number(line) - 1, message);
  if (problem?.line !== undefined && lines.size === 0) lines.set(problem.line - 1, message);
  return { message, lines };
}

function parseProblem(body: string): z.infer<typeof Problem> | undefined {
  try {
    return Problem.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}

function firstLine(body: string): string {
  return body.trim().split('\n', 1)[0]?.slice(0, 200) ?? '';
}

/** Milliseconds; a date is relative to the server's clock. */
function retryAfterOf({ headers }: Answer): number | undefined {
  const value = headers['retry-after'];
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  if (/^[0-9]+$/.test(value.trim())) return Number(value) * 1000;
  const wait = Date.parse(value) - Date.parse(String(headers.date));
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}
