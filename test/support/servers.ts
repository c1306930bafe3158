import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe } from 'vitest';

/** A real server on a free port of loopback, with its data in a folder of its own. */
export interface RealServer {
  readonly url: string;
  readonly folder: string;
  /** Starts it again on the same port and data. Resolves when it answers. */
  start(): Promise<void>;
  /** Ends it as a service manager does. */
  stop(): Promise<void>;
  /** Ends it as a power cut does. */
  kill(): Promise<void>;
  /** Stops it and removes its folder. */
  close(): Promise<void>;
}

const PACKAGES = { influxd: 'influxdb', 'victoria-metrics': 'victoria-metrics' } as const;
type Binary = keyof typeof PACKAGES;

/**
 * `describe` where the server is installed. Elsewhere the tests are skipped with a line that says so; with `CI=true`
 * that is a failure.
 */
export function describeWith(binary: Binary, name: string, tests: () => void): void {
  if (isInstalled(binary)) {
    describe(name, tests);
    return;
  }
  const reason = `${binary} is not installed (Debian: apt-get install ${PACKAGES[binary]})`;
  if (process.env['CI'] === 'true') throw new Error(`${name}: ${reason}, and CI may skip no test`);
  process.stderr.write(`SKIPPED ${name}: ${reason}\n`);
  describe.skip(`${name} (${reason})`, tests);
}

export interface StartOptions {
  /** Where its data goes; a temporary folder by default. */
  readonly folder?: string;
  /** Further lines of the `[http]` section of influxd, or flags of VictoriaMetrics. */
  readonly settings?: readonly string[];
}

/** InfluxDB 1.x as Debian has it. */
export function startInfluxd({
  folder = temporaryFolder(),
  settings = [],
}: StartOptions = {}): Promise<RealServer> {
  const config = join(folder, 'influxd.conf');
  return startServer(folder, '/ping', async (port) => {
    const lines = [
      'reporting-disabled = true',
      `bind-address = "127.0.0.1:${await freePort()}"`,
      `[meta]\ndir = "${folder}/meta"\nlogging-enabled = false`,
      `[data]\ndir = "${folder}/data"\nwal-dir = "${folder}/wal"\nquery-log-enabled = false`,
      '[monitor]\nstore-enabled = false',
      `[http]\nbind-address = "127.0.0.1:${port}"\nlog-enabled = false`,
      ...settings,
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
    return spawn('influxd', ['-config', config], { stdio: 'ignore' });
  });
}

export function startVictoriaMetrics({
  folder = temporaryFolder(),
  settings = ['-dedup.minScrapeInterval=1ms', '-retentionPeriod=100y'],
}: StartOptions = {}): Promise<RealServer> {
  return startServer(folder, '/health', async (port) => {
    const flags = [`-storageDataPath=${folder}/data`, `-httpListenAddr=127.0.0.1:${port}`, ...settings];
    return spawn('victoria-metrics', flags, { stdio: 'ignore' });
  });
}

/** One InfluxQL statement, for preparing and looking; resolves to the answer's text. */
export async function influxQuery(
  url: string,
  q: string,
  parameters: Record<string, string> = {},
): Promise<string> {
  // A login is read from the address alone.
  const search = new URLSearchParams({ epoch: 's', ...parameters }).toString();
  const response = await fetch(`${url}/query?${search}`, {
    method: 'POST',
    body: new URLSearchParams({ q }),
  });
  return response.text();
}

async function startServer(
  folder: string,
  health: string,
  launch: (port: number) => Promise<ChildProcess>,
): Promise<RealServer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const cleanUp = (): void => void child?.kill('SIGKILL');

  async function start(): Promise<void> {
    child = await launch(port);
    process.once('exit', cleanUp);
    await answering(url + health, child);
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child;
    child = undefined;
    process.removeListener('exit', cleanUp);
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill(signal);
    await gone;
  }

  await start();
  return {
    url,
    folder,
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    close: async () => {
      await end('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) {
    try {
      await fetch(url);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error(`${child.spawnfile} ended with ${child.exitCode ?? child.signalCode} instead of starting`);
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'tokentide-server-'));
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function isInstalled(binary: Binary): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, binary), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
