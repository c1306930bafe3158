import { formatError, TokentideError } from '../lib/errors.ts';

/** One error in a job file, variable or argument. Never contains a secret. */
export interface Diagnostic {
  /** Relative path: `jobs/trae.yaml`. */
  readonly file?: string | undefined;
  /** 1-based. */
  readonly line?: number | undefined;
  /** 1-based. */
  readonly column?: number | undefined;
  /** The key in the file, until its position is known. */
  readonly path?: readonly PropertyKey[];
  readonly message: string;
  /** How to fix it, in one sentence. */
  readonly hint?: string | undefined;
}

/** A diagnostic of a key whose position in the file is not known yet. */
export type FieldDiagnostic = Diagnostic & Required<Pick<Diagnostic, 'path'>>;

/** `jobs/trae.yaml:7:3: message`, followed by the hint on a second line. */
export function formatIssue({ file, line, column, message, hint }: Diagnostic): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  return formatError({ message: place ? `${place}: ${message}` : message, hint });
}

/** All configuration errors at once. */
export class ConfigError extends TokentideError {
  override readonly name = 'ConfigError';
  readonly kind = 'config';
  readonly issues: readonly Diagnostic[];

  constructor(issues: readonly Diagnostic[]) {
    super(issues.map(formatIssue).join('\n'));
    this.issues = issues;
  }
}
