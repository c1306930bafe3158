import { jobSchema } from '../config/json-schema.ts';
import { PROVIDERS } from '../providers/index.ts';
import { CATALOGUE } from '../usage/catalogue.ts';
import type { CommandContext } from './context.ts';

/** `tokentide schema`: prints the JSON schema of job files, or the catalogue of measurements. */
export async function schemaCommand(
  { out }: CommandContext,
  { points = false }: { readonly points?: boolean } = {},
): Promise<number> {
  out(`${JSON.stringify(points ? measurements() : jobSchema(PROVIDERS), null, 2)}\n`);
  return 0;
}

function measurements(): unknown[] {
  return [...CATALOGUE.values()].map(
    ({ tagNames: _tags, fieldNames: _fields, ...measurement }) => measurement,
  );
}
