import { spawnSync } from 'node:child_process';
import { createSite, startCommand, startVendor } from './daemon.mjs';
import { median } from './measure.mjs';
import { startSink } from './sink.mjs';

const ROUNDS = 7;

/** From the start of the process of `tokentide run` to its first request to a vendor, and all of `node -e 0`, in milliseconds. */
export async function benchStart() {
  const requests = [];
  let heard = () => {};
  const sink = await startSink();
  const vendor = await startVendor(1, (at) => {
    requests.push(at);
    heard();
  });
  const times = [];
  const nodeTimes = [];
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      const site = createSite({ vendor, sink, from: '1d' });
      requests.length = 0;
      const first = new Promise((resolve) => (heard = resolve));
      const started = Date.now();
      const { child, ended } = startCommand(site, 'run');
      const failed = ended.then(({ said }) => {
        throw new Error(`the daemon ended without a request: ${said}`);
      });
      await Promise.race([first, failed]);
      if (round > 0) times.push(requests[0] - started);
      child.kill('SIGTERM');
      await failed.catch(() => {});
      site.remove();
      const nodeStarted = performance.now();
      spawnSync(process.execPath, ['-e', '0'], { env: site.env });
      if (round > 0) nodeTimes.push(performance.now() - nodeStarted);
    }
  } finally {
    sink.close();
    vendor.close();
  }
  return { milliseconds: median(times), nodeMilliseconds: median(nodeTimes) };
}
