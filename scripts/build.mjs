// Bundles src/ with esbuild; `tsc` only checks types. `npm run build` calls it, and whatever runs compiled code.
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = readdirSync(join(ROOT, 'src'), { recursive: true }).map((name) => join('src', name));
const CODE = SOURCES.filter((name) => name.endsWith('.ts'));
const WORKERS = CODE.filter((name) => name.endsWith('-worker.ts'));

/** What is published: the command line and the workers, each beside the chunks that they share. */
const PACKAGE = {
  outdir: 'dist',
  entryPoints: ['src/cli.ts', ...WORKERS],
  entryNames: '[name]',
};
/** Every module of src/ on its own, for tests and benchmarks that call it from another process. */
const MODULES = {
  outdir: 'build',
  entryPoints: [
    ...CODE.map((name) => ({ in: name, out: name.slice('src/'.length, -'.ts'.length) })),
    // Code that starts a worker is in a chunk, and looks for the worker beside itself.
    ...WORKERS.map((name) => ({ in: name, out: `chunks/${basename(name, '.ts')}` })),
  ],
  entryNames: '[dir]/[name]',
  chunkNames: 'chunks/[name]-[hash]',
};

/** Builds dist/ where a source is newer. */
export async function buildPackage() {
  await buildIfStale(PACKAGE);
}

/** Builds dist/ and build/ where a source is newer. */
export async function setup() {
  await Promise.all([PACKAGE, MODULES].map(buildIfStale));
}

async function buildIfStale(target) {
  if (modified(join(target.outdir, 'cli.js')) < newestSource()) await bundle(target);
}

function newestSource() {
  // A folder is newer where one of its files was removed or renamed.
  return Math.max(...['src', 'package.json', 'scripts/build.mjs', ...SOURCES].map(modified));
}

function modified(path) {
  return statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

async function bundle({ outdir, ...options }) {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    ...options,
    absWorkingDir: ROOT,
    outdir,
    outbase: 'src',
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    legalComments: 'inline',
    write: false,
  });
  const folder = join(ROOT, outdir);
  // Entries come first in the list: they are replaced last, when their chunks are there. A file is never half written
  // for a process that starts meanwhile.
  for (const { path, contents } of outputFiles.toReversed()) {
    const unfinished = join(dirname(path), `.${process.pid}-${basename(path)}`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(unfinished, contents);
    renameSync(unfinished, path);
  }
  const written = new Set(outputFiles.map(({ path }) => path));
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !written.has(path) && !entry.name.startsWith('.')) rmSync(path);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync(join(ROOT, PACKAGE.outdir), { recursive: true, force: true });
  await bundle(PACKAGE);
}
