/** One error in a job file, variable or argument. Never contains a secret. */
export interface Diagnostic {
  /** Relative path: `jobs/trae.yaml`. */
  readonly file?: string | undefined;
  /** 1-based. */
  readonly line?: number | undefined;
  /** 1-based. */
  readonly column?: number | undefined;
  readonly message: string;
  /** How to fix it, in one sentence. */
  readonly hint?: string | undefined;
}

/** `jobs/trae.yaml:7:3: message`, followed by the hint on a second line. */
export function formatIssue(issue: Diagnostic): string {
  const place = [issue.file, issue.line, issue.column].filter((part) => part !== undefined).join(':');
  const message = place ? `${place}: ${issue.message}` : issue.message;
  return issue.hint ? `${message}\n  ${issue.hint}` : message;
}

/** All configuration errors at once. Exit code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly issues: readonly Diagnostic[];

  constructor(issues: readonly Diagnostic[]) {
    super(issues.map(formatIssue).join('\n'));
    this.issues = issues;
  }
}
