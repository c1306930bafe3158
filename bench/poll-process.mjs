// Polls the job of the current folder: once to fill the store, then again and again within the same hour.
import { once } from 'node:events';
import { poll } from '../dist/collect/poll.js';
import { createContext } from '../dist/commands/context.js';
import { compose } from '../dist/compose.js';

const POLLS = 9;
const HOUR = 3_600_000;
const MINUTE = 60_000;

const { signal } = new AbortController();
const context = createContext({}, process);
const [{ provider, ...settings }] = context.loadJobs().jobs;
// Waiting for the next call that the vendor allows takes time, but no CPU.
const job = { ...settings, provider: { ...provider, rate: { ...provider.rate, perSecond: 1000 } } };
let now = Math.floor(Date.now() / HOUR) * HOUR + 5 * MINUTE;
const composition = await compose({
  settings: context.settings,
  role: 'bench',
  pid: process.pid,
  now: () => now,
});
const collecting = composition.collecting(job);

await poll(collecting, { signal });
process.send('filled');
await once(process, 'message');
const milliseconds = [];
for (let i = 0; i < POLLS; i++) {
  now += 5 * MINUTE;
  const before = process.cpuUsage();
  await poll(collecting, { signal });
  const { user, system } = process.cpuUsage(before);
  milliseconds.push((user + system) / 1000);
}
process.send(milliseconds);
await once(process, 'disconnect');
await composition.close();
