import { HOUR } from '../windows/units.ts';
import type { Message } from './message.ts';
import { quietUntil, type Route } from './route.ts';

/** When the messages of a channel are sent, and how many at once. All times are milliseconds since the epoch. */

export interface Pace {
  /** From one message to the next. */
  readonly everyMs: number;
  /** Whether messages that wait are sent as one. Not where programs read them and need each event. */
  readonly digest: boolean;
  /** Seconds after which the service is busy: everybody's schedules start at the full hour. */
  readonly busyEvery: number;
}

const PROGRAMS: Pace = { everyMs: 1000, digest: false, busyEvery: HOUR };
/** Robots of DingTalk and WeCom take 20 messages a minute. People do not read more than one. */
const PEOPLE: Pace = { everyMs: 60_000, digest: true, busyEvery: HOUR };
const PACES: Readonly<Record<string, Pace>> = {
  webhook: PROGRAMS,
  alertmanager: PROGRAMS,
  pagerduty: PROGRAMS,
  // It refuses messages at the full and half hour with code 11232.
  feishu: { ...PEOPLE, busyEvery: HOUR / 2 },
};

export function paceOf(kind: string): Pace {
  return PACES[kind] ?? PEOPLE;
}

const JITTER_FROM_MS = 10_000;
const JITTER_MS = 40_000;

/** How long after a busy time a channel sends. @param random from 0 to 1 */
export function jitterMs(random: number): number {
  return JITTER_FROM_MS + Math.floor(random * JITTER_MS);
}

const GIVE_UP_MS = 24 * HOUR * 1000;
const FIRST_RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 30 * 60_000;
/** A server that asks for more may be wrong, and newer messages would wait as well. */
const LONGEST_RETRY_AFTER_MS = HOUR * 1000;

/** How long to wait after an attempt that failed. @param attempts how many there were before */
export function retryDelayMs(attempts: number, random: number, afterMs?: number): number {
  if (afterMs !== undefined) return Math.min(afterMs, LONGEST_RETRY_AFTER_MS);
  const longest = Math.min(FIRST_RETRY_MS * 2 ** attempts, LONGEST_RETRY_MS);
  return Math.ceil((longest * (1 + random)) / 2);
}

export interface Waiting {
  readonly sequence: number;
  readonly queuedAtMs: number;
  readonly retryAtMs: number;
  readonly attempts: number;
  readonly message: Message;
}

export interface Gate {
  readonly route: Route;
  readonly pace: Pace;
  /** No message before. */
  readonly notBeforeMs: number;
  readonly jitterMs: number;
}

export type Step =
  | { readonly step: 'give-up'; readonly messages: readonly Waiting[] }
  | { readonly step: 'send'; readonly messages: readonly Waiting[] }
  | { readonly step: 'wait'; readonly untilMs: number }
  | { readonly step: 'idle' };

/** What to do now with the messages that wait, in the order in which they were queued. */
export function nextStep(waiting: readonly Waiting[], gate: Gate, nowMs: number): Step {
  const old = waiting.filter((each) => endOf(each) <= nowMs);
  if (old.length > 0) return { step: 'give-up', messages: old };
  if (waiting.length === 0) return { step: 'idle' };
  const dueAt = dueTimes(waiting, gate.route, nowMs);
  const due = waiting.filter((_, index) => dueAt[index]! <= nowMs);
  if (due.length === 0) {
    return { step: 'wait', untilMs: Math.min(...waiting.map((each, i) => Math.min(dueAt[i]!, endOf(each)))) };
  }
  const open = Math.max(gate.notBeforeMs, afterBusyTime(nowMs, gate));
  if (open > nowMs) return { step: 'wait', untilMs: open };
  const messages = withHeldBack(waiting, due);
  return { step: 'send', messages: gate.pace.digest ? messages : messages.slice(0, 1) };
}

function endOf({ queuedAtMs }: Waiting): number {
  return queuedAtMs + GIVE_UP_MS;
}

/** A message also waits for the older ones of its incident: it must not begin after it was over. */
function dueTimes(waiting: readonly Waiting[], route: Route, nowMs: number): number[] {
  const retryAt = new Map<string, number>();
  return waiting.map(({ message, retryAtMs }) => {
    const { incident } = message;
    const retry = Math.max(retryAtMs, retryAt.get(incident) ?? 0);
    retryAt.set(incident, retry);
    const quiet = quietUntil(route, message, nowMs / 1000);
    return Math.max(retry, quiet === undefined ? 0 : quiet * 1000);
  });
}

function afterBusyTime(nowMs: number, { pace, jitterMs }: Gate): number {
  return nowMs - (nowMs % (pace.busyEvery * 1000)) + jitterMs;
}

/** Older messages of an incident that quiet hours hold back go with a newer one that they do not. */
function withHeldBack(waiting: readonly Waiting[], due: readonly Waiting[]): Waiting[] {
  const last = new Map(due.map(({ message, sequence }) => [message.incident, sequence]));
  return waiting.filter(({ message, sequence }) => sequence <= (last.get(message.incident) ?? -1));
}
