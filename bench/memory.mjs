import { setTimeout as delay } from 'node:timers/promises';
import { start } from './child.mjs';
import { createSite, residentMemory, startCommand, startVendor } from './daemon.mjs';
import { median } from './measure.mjs';
import { startSink } from './sink.mjs';
import { SCENES, vendorTruth } from './vendor.mjs';
import { assertTruth } from './workload.mjs';

const DAY = 86_400;
const BEIJING = 8 * 3600;
const SAMPLE_MS = 200;
const IDLE_MS = 40_000;

/** Resident memory of `tokentide backfill` over a million points: the peak, and how much it still grows. */
export async function benchBackfillMemory() {
  const endpoints = 1000;
  const days = 14;
  const sink = await startSink();
  const vendor = await startVendor(endpoints);
  const site = createSite({ vendor, sink, from: '1d' });
  try {
    const end = Math.floor((Date.now() / 1000 + BEIJING) / DAY) * DAY - BEIJING - 5 * DAY;
    const begin = end - days * DAY;
    const range = ['--from', iso(begin), '--to', iso(end)];
    const { child, ended } = startCommand(site, 'backfill', 'bench', ...range);
    const samples = [];
    const timer = setInterval(() => samples.push(residentMemory(child.pid)), SAMPLE_MS);
    child.once('exit', () => clearInterval(timer));
    const { code, said } = await ended;
    if (code !== 0) throw new Error(`the backfill ended with ${code}: ${said}`);
    const truth = vendorTruth(endpoints, begin, end);
    assertTruth('the backfill', truth, await sink.totals());
    const quarter = Math.floor(samples.length / 4);
    return {
      points: truth.points,
      peak: Math.max(...samples),
      growth: median(samples.slice(-quarter)) / median(samples.slice(quarter, 2 * quarter)) - 1,
    };
  } finally {
    sink.close();
    vendor.close();
    site.remove();
  }
}

/**
 * Resident memory of `tokentide run` that has polled a day of usage and waits for its next poll, once V8 has given back
 * what the poll took; and of a process that has loaded what no collector can do without.
 */
export async function benchIdleMemory() {
  const endpoints = 50;
  const sink = await startSink();
  const vendor = await startVendor(endpoints);
  const site = createSite({ vendor, sink, from: '1d' });
  const { child, ended, said } = startCommand(site, 'run');
  const bare = start('idle-process.mjs', [], { env: { ...site.env, VENDOR: vendor.url } });
  try {
    while ((await sink.totals()).points < endpoints * SCENES.length * 24) {
      if (child.exitCode !== null) throw new Error(`the daemon ended: ${said()}`);
      await delay(SAMPLE_MS);
    }
    await delay(IDLE_MS);
    return { idle: residentMemory(child.pid), floor: residentMemory(bare.pid) };
  } finally {
    bare.disconnect();
    child.kill('SIGTERM');
    await ended;
    sink.close();
    vendor.close();
    site.remove();
  }
}

function iso(seconds) {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
