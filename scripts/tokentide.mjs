// `npm run tokentide`: the command line, built first where a source has changed.
import { fileURLToPath } from 'node:url';
import { buildPackage } from './build.mjs';

await buildPackage();
const cli = new URL('../dist/cli.js', import.meta.url);
process.argv[1] = fileURLToPath(cli);
await import(cli);
