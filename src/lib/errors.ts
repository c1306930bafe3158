import { displayText } from './display-text.ts';

/** Exit codes: 1 failure, 2 usage or configuration error. */
export type ErrorExitCode = 1 | 2;

/**
 * Base of all expected errors. Commands print message and hint without a stack and exit with `exitCode`; every other
 * error is a bug and is printed with its stack. The table of errors is in docs/errors.md.
 */
export abstract class TokentideError extends Error {
  /** What went wrong, from a bounded set per class: `credentials`, `full`. */
  abstract readonly kind: string;
  /** How to fix it; several lines where there is a choice. */
  readonly hint: string | undefined = undefined;
  readonly exitCode: ErrorExitCode = 2;
}

/** Message and hint as printed by commands, safe to display. */
export function formatError({ message, hint }: { message: string; hint?: string | undefined }): string {
  return [message, ...(hint === undefined ? [] : [`  ${hint}`])]
    .flatMap((text) => text.split('\n'))
    .map(displayText)
    .join('\n');
}
