import { hourTable } from '../build/alerts/calendar.js';
import { createAccountJudge } from '../build/alerts/live/account-judge.js';
import { DEFAULT_RULES } from '../build/alerts/rules.js';

const WEEK = 7 * 86_400;
const HOUR = 3600;
/** Judged at once, and the history before it. */
const STRETCH = 8 * WEEK;
const HISTORY = 5 * WEEK;

/** The incidents of a year, judged every five minutes as a running collector does. */
export async function pollYear({ replayPolls }, year, calendar) {
  const entries = [];
  for (let from = year.from; from < year.to; from += STRETCH) {
    const start = Math.max(year.hours.start, from - HISTORY);
    const to = Math.min(year.to, from + STRETCH);
    const hours = hourTable(start, (to - start) / HOUR, year.zone, calendar);
    const createJudge = () => createAccountJudge(hours, DEFAULT_RULES);
    const ofStretch = await replayPolls({ year, start, from, to, createJudge });
    entries.push(...ofStretch.filter((entry) => entry.start >= from));
  }
  return entries;
}
