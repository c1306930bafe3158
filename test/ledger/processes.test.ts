import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';

const COMPILED = new URL('../../build/ledger/ledger.js', import.meta.url);

let folder: string;
let path: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  if (!existsSync(fileURLToPath(COMPILED))) throw new Error('dist/ is missing: npm run build');
  folder = mkdtempSync(join(tmpdir(), 'tokentide-processes-'));
  path = join(folder, 'ledger.sqlite');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** Another process with the same ledger open. Its program `work` can use `ledger` and `say`. */
function process(work: string): ChildProcess {
  const script = join(folder, `script-${children.length}.mjs`);
  writeFileSync(
    script,
    `import { openLedger } from '${COMPILED.href}';
     const ledger = openLedger('${path}');
     const say = (what) => process.send(what);
     ${work}`,
  );
  const child = fork(script);
  children.push(child);
  return child;
}

const said = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as T));
    child.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
  });

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => void child.once('exit', () => resolve()));

describe('processes that share a ledger', () => {
  it('never get the same slot for a host', async () => {
    const spacing = 1000;
    const work = `say(Array.from({ length: 100 }, () => ledger.rateLimiter.acquire('host', ${spacing}, 5000)))`;

    const rateLimiter = (
      await Promise.all([said<number[]>(process(work)), said<number[]>(process(work))])
    ).flat();

    expect(rateLimiter.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 200 }, (_, i) => 5000 + i * spacing),
    );
  });

  it('lose no commits', async () => {
    const work = `
      for (let i = 0; i < 100; i++) ledger.commit(() => {
        const { n = 0 } = ledger.counters.of('a');
        ledger.counters.add('a', 'n', 1);
        ledger.state.set('a', 'n', String(n + 1));
      });
      say('done')`;

    await Promise.all([said(process(work)), said(process(work))]);

    const ledger = openLedger(path);
    expect(ledger.counters.of('a')).toEqual({ n: 200 });
    expect(ledger.state.get('a', 'n')).toBe('200');
    ledger.close();
  });

  it('hold a lease one at a time, and a killed process releases it', async () => {
    const holder = process(`say(ledger.leases.take('job a', 'run 1')); setInterval(() => {}, 1000)`);
    const taken = await said<boolean>(holder);
    const ledger = openLedger(path);

    const whileHeld = ledger.leases.take('job a', 'backfill 2');
    const other = ledger.leases.take('job b', 'backfill 2');
    const who = ledger.leases.holder('job a');
    holder.kill('SIGKILL');
    await ended(holder);
    const afterwards = ledger.leases.take('job a', 'backfill 2');

    expect({ taken, whileHeld, other, who, afterwards }).toEqual({
      taken: true,
      whileHeld: false,
      other: true,
      who: 'run 1',
      afterwards: true,
    });
    ledger.close();
  });

  it('roll back uncommitted changes of a killed process', async () => {
    const child = process(`
      ledger.counters.add('a', 'n', 1);
      ledger.commit(() => {
        ledger.counters.add('a', 'n', 10);
        say('in the middle');
        for (const end = Date.now() + 60_000; Date.now() < end; );
      })`);
    await said(child);
    child.kill('SIGKILL');
    await ended(child);

    const ledger = openLedger(path);

    expect(ledger.counters.of('a')).toEqual({ n: 1 });
    ledger.close();
  });
});
