/** One thing wrong with a job file, a variable or an argument. Never holds a secret's value. */
export interface Diagnostic {
  /** As the user would name it: `jobs/trae.yaml`. */
  readonly file?: string | undefined;
  /** From 1. */
  readonly line?: number | undefined;
  /** From 1. */
  readonly column?: number | undefined;
  readonly message: string;
  /** The way out, in one sentence. */
  readonly hint?: string | undefined;
}

/** `jobs/trae.yaml:7:3: message`, with the hint on a second line. */
export function formatIssue(issue: Diagnostic): string {
  const place = [issue.file, issue.line, issue.column].filter((part) => part !== undefined).join(':');
  const message = place ? `${place}: ${issue.message}` : issue.message;
  return issue.hint ? `${message}\n  ${issue.hint}` : message;
}

/** Everything found wrong with the configuration at once. Commands end with exit code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly issues: readonly Diagnostic[];

  constructor(issues: readonly Diagnostic[]) {
    super(issues.map(formatIssue).join('\n'));
    this.issues = issues;
  }
}
