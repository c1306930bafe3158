/** The result of sending a message. */
export type Outcome =
  | {
      readonly result: 'sent';
      /** What the server answered, one line. */
      readonly answer: string;
    }
  | {
      /** The same message may succeed later. */
      readonly result: 'retry';
      readonly answer: string;
      /** How long the server asks to wait, milliseconds. */
      readonly afterMs?: number;
    }
  | {
      /** The same message cannot succeed. */
      readonly result: 'failed';
      readonly answer: string;
      /** What to do about it. */
      readonly hint?: string;
    };

/** What an answer means: its text is added by the caller. */
export type Meaning =
  | { readonly result: 'sent' }
  | { readonly result: 'retry'; readonly afterMs?: number }
  | { readonly result: 'failed'; readonly hint?: string };

export const SENT: Meaning = { result: 'sent' };
export const RETRY: Meaning = { result: 'retry' };

export function retryAfter(seconds: number): Meaning {
  return { result: 'retry', afterMs: seconds * 1000 };
}

export function failed(hint?: string): Meaning {
  return { result: 'failed', ...(hint !== undefined && { hint }) };
}
