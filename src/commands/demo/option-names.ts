import { ConfigError } from '../../config/errors.ts';
import { StoreError } from '../../store/store.ts';

/** The same error, with options instead of the variables that they take the place of; the token is no option to recommend. */
export function inOptions(error: unknown): unknown {
  if (error instanceof ConfigError) {
    return new ConfigError(
      error.issues.map(({ message, hint, ...place }) => ({
        ...place,
        message: renamed(message),
        ...(hint !== undefined && { hint: renamed(hint) }),
      })),
    );
  }
  if (!(error instanceof StoreError)) return error;
  const hint =
    error.kind === 'unavailable' ? 'start the server, or correct --influx' : renamed(error.hint ?? '');
  return new StoreError(error.kind, renamed(error.message), { hint, cause: error });
}

function renamed(text: string): string {
  return text
    .replaceAll('INFLUX_HOST', '--influx')
    .replaceAll(/INFLUX_(ORG|BUCKET|DATABASE)\b/g, (_, name: string) => `--${name.toLowerCase()}`);
}
