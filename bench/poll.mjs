import { nextMessage, start } from './child.mjs';
import { createSite, startVendor } from './daemon.mjs';
import { median } from './measure.mjs';
import { startSink } from './sink.mjs';
import { SCENES } from './vendor.mjs';

const ENDPOINTS = 1000;

/** CPU of a poll that finds nothing new, the calls to the vendor included, and what it writes. */
export async function benchUnchangedPoll() {
  const sink = await startSink();
  const vendor = await startVendor(ENDPOINTS);
  const site = createSite({ vendor, sink, from: '1d' });
  try {
    const child = start('poll-process.mjs', [], { cwd: site.folder, env: site.env });
    await nextMessage(child);
    const { points } = await sink.totals();
    if (points < ENDPOINTS * SCENES.length * 24)
      throw new Error(`the first poll stored only ${points} points`);
    await sink.reset();
    child.send('go');
    const { polls, bare } = await nextMessage(child);
    const { lines } = await sink.totals();
    child.disconnect();
    return {
      series: ENDPOINTS * SCENES.length,
      milliseconds: median(polls),
      bareMilliseconds: median(bare),
      lines,
    };
  } finally {
    sink.close();
    vendor.close();
    site.remove();
  }
}
