import { alertsSchema, jobSchema } from '../config/json-schema.ts';
import { PROVIDERS } from '../providers/index.ts';
import { CATALOGUE } from '../usage/catalogue.ts';
import type { CommandContext } from './context.ts';

export interface SchemaArguments {
  readonly points?: boolean;
  readonly alerts?: boolean;
}

/** `tokentide schema`: prints the JSON schema of job files or of `alerts.yaml`, or the catalogue of measurements. */
export async function schemaCommand(
  { out }: CommandContext,
  { points = false, alerts = false }: SchemaArguments = {},
): Promise<number> {
  const printed = points ? measurements() : alerts ? alertsSchema() : jobSchema(PROVIDERS);
  out(`${JSON.stringify(printed, null, 2)}\n`);
  return 0;
}

function measurements(): unknown[] {
  return [...CATALOGUE.values()].map(
    ({ tagNames: _tags, fieldNames: _fields, ...measurement }) => measurement,
  );
}
