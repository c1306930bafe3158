import { FetchError } from './errors.ts';

export interface BodyLimits {
  readonly maxBytes: number;
  /** The number of commas and opening brackets: a parser's time and memory depend on it. */
  readonly maxValues: number;
}

/** `,`, `[` and `{`. */
const SEPARATORS: ReadonlySet<number> = new Set([0x2c, 0x5b, 0x7b]);

/** Reads a body as text; cancels the transfer as soon as it exceeds a limit. @throws FetchError `invalid_response` */
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
  // An error that leaves the loop cancels the stream.
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
