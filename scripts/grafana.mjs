// `npm run grafana`: bundles and runs grafana/build.ts, which Node 20 cannot run as it is.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const outfile = `${ROOT}node_modules/.cache/tokentide/grafana.mjs`;
mkdirSync(`${ROOT}node_modules/.cache/tokentide`, { recursive: true });
await build({
  entryPoints: [`${ROOT}grafana/build.ts`],
  outfile,
  bundle: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20',
});
const { main } = await import(outfile);
try {
  console.log(main(process.argv.slice(2), 'grafana').join('\n'));
} catch (error) {
  console.error(error.message);
  process.exitCode = 2;
}
