// Polls the job of the current folder: once to fill the store, then every minute within the same hour. Then makes the
// calls of such a poll once more, without anything around them.
import { once } from 'node:events';
import { poll } from '../build/collect/poll/poll.js';
import { createContext } from '../build/commands/context.js';
import { createRuntime } from '../build/runtime.js';

const POLLS = 40;
const HOUR = 3_600_000;
const MINUTE = 60_000;

const { signal } = new AbortController();
const context = createContext({}, process);
const [loaded] = context.loadJobs().jobs;
// Waiting for the next call that the vendor allows takes time, but no CPU.
const job = { ...loaded, rate: { ...loaded.rate, perSecond: 1000 } };
let now = Math.floor(Date.now() / HOUR) * HOUR + 5 * MINUTE;
const calls = [];
const { fetch } = globalThis;
globalThis.fetch = (url, { signal: _signal, ...request }) => {
  calls.push([url, request]);
  return fetch(url, request);
};
const runtime = await createRuntime({
  settings: context.settings,
  role: 'bench',
  pid: process.pid,
  now: () => now,
});
const jobContext = runtime.jobContext(job);

await poll(jobContext, { signal });
process.send('filled');
await once(process, 'message');

async function cpuOf(work) {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const polls = [];
const bare = [];
for (let i = 0; i < POLLS; i++) {
  now += MINUTE;
  calls.length = 0;
  polls.push(await cpuOf(() => poll(jobContext, { signal })));
  bare.push(
    await cpuOf(async () => {
      for (const [url, request] of calls) JSON.parse(await (await fetch(url, request)).text());
    }),
  );
}
process.send({ polls, bare });
await once(process, 'disconnect');
await runtime.close();
