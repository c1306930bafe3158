// What bench/alerts.mjs bundles.
export { labelledYear } from './labelled-year.ts';
export { replayRival, RIVALS } from './rivals.ts';
export { explain, score, sumScores } from './score.ts';
export { summarise } from './summary.ts';
export { POLL_LAG, replayPolls } from './poll-replay.ts';
