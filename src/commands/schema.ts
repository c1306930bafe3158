import { jobSchema } from '../config/json-schema.ts';
import { PROVIDERS } from '../providers/index.ts';
import type { CommandContext } from './context.ts';

/** `tokentide schema`: prints the JSON schema of job files. */
export async function schemaCommand({ out }: CommandContext): Promise<number> {
  out(`${JSON.stringify(jobSchema(PROVIDERS), null, 2)}\n`);
  return 0;
}
