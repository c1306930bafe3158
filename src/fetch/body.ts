import { FetchError } from './errors.ts';

export interface BodyLimits {
  readonly maxBytes: number;
  /** Commas and opening brackets together: what a parser's time and memory depend on. */
  readonly maxValues: number;
}

/** The characters that a value of JSON begins with or follows: `,`, `[` and `{`. */
const SEPARATORS: ReadonlySet<number> = new Set([0x2c, 0x5b, 0x7b]);

/** Reads a body as text and gives up in mid-stream when it passes a limit. @throws FetchError `invalid_response` */
export async function readText(
  response: Response,
  { maxBytes, maxValues }: BodyLimits,
  action: string,
): Promise<{ text: string; bytes: number }> {
  if (!response.body) return { text: '', bytes: 0 };
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let bytes = 0;
  let values = 0;
  // Leaving the loop by an error cancels the stream, and with it the transfer.
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw tooLarge(action, `${maxBytes} bytes`);
    for (const byte of chunk) if (SEPARATORS.has(byte)) values++;
    if (values > maxValues) throw tooLarge(action, `${maxValues} values`);
    parts.push(decoder.decode(chunk, { stream: true }));
  }
  parts.push(decoder.decode());
  return { text: parts.join(''), bytes };
}

function tooLarge(action: string, limit: string): FetchError {
  return new FetchError('invalid_response', `${action}: the answer has more than ${limit}`, {
    hint: 'Use a wider bucket, or fewer members, keys or projects per job.',
  });
}
