// Runs the real command line in a process of its own, against the vendor and the sink of the bench.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nextMessage, start, stop } from './child.mjs';

/** As `npm start` and the container run it: docs/operations.md, "Memory". */
const NODE_OPTIONS = '--max-semi-space-size=2 --max-old-space-size=1024';
const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));

/** Starts the vendor; `onRequest` hears the moment of each request, milliseconds since the epoch. */
export async function startVendor(endpoints, onRequest = () => {}) {
  const child = start('vendor-server.mjs', [String(endpoints)]);
  const { url } = await nextMessage(child);
  child.on('message', ({ requestedAt }) => onRequest(requestedAt));
  return { url, close: () => stop(child) };
}

/** A folder with one job, and the environment in which the command line finds it. */
export function createSite({ vendor, sink, from }) {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-bench-'));
  mkdirSync(join(folder, 'jobs'));
  writeFileSync(
    join(folder, 'jobs', 'bench.yaml'),
    `provider: volcengine-ark
name: bench
account: main
bucket: 1h
start: ${from}
options:
  access_key_id: bench
  secret_access_key: \${BENCH_SECRET}
  base_url: ${vendor.url}
`,
  );
  const env = {
    PATH: process.env.PATH,
    NODE_OPTIONS,
    BENCH_SECRET: 'none',
    INFLUX_HOST: sink.url,
    INFLUX_ORG: 'bench',
    INFLUX_BUCKET: 'bench',
    INFLUX_TOKEN: 'none',
    TOKENTIDE_JOBS: join(folder, 'jobs'),
    TOKENTIDE_DATA: join(folder, 'data'),
    TOKENTIDE_LISTEN: '127.0.0.1:0',
  };
  return { folder, env, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Starts a command. `ended` resolves to its exit code and what it said. */
export function startCommand(site, ...args) {
  const child = spawn(process.execPath, [CLI, ...args], { cwd: site.folder, env: site.env });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
  const ended = once(child, 'close').then(([code]) => ({ code, said }));
  return { child, ended, said: () => said };
}

/** The resident memory of a process, in MB. */
export function residentMemory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+([0-9]+) kB/.exec(status)[1]) / 1024;
}
