/**
 * The compiled file of a worker, for `new Worker(workerUrl('query-worker'))`. The name is that of the source file
 * `src/<folder>/<name>.ts`, must end in `-worker` and be unique: the build bundles each such file into
 * `dist/<name>.js`. Node 20 cannot run TypeScript, so code that runs from `src/` (under vitest) or from `build/chunks/`
 * gets the file in `dist/` as well; the setup of vitest and the benchmarks keep that up to date.
 */
export function workerUrl(name: `${string}-worker`): URL {
  const dist = /\/dist\/[^/]+$/.test(import.meta.url) ? '.' : '../../dist';
  return new URL(`${dist}/${name}.js`, import.meta.url);
}
