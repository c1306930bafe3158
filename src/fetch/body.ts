import { FetchError } from './errors.ts';

export interface BodyLimits {
  readonly maxBytes: number;
  /** The number of commas and opening brackets: a parser's time and memory depend on it. */
  readonly maxValues: number;
}

const COMMA = 0x2c;
const BRACKET = 0x5b;
const BRACE = 0x7b;

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
    values += valuesIn(chunk);
    if (values > maxValues) throw tooLarge(action, `${maxValues} values`);
    parts.push(decoder.decode(chunk, { stream: true }));
  }
  parts.push(decoder.decode());
  return { text: parts.join(''), bytes };
}

function valuesIn(chunk: Uint8Array): number {
  let values = 0;
  // By index: an iterator takes ten times as long.
  for (let i = 0; i < chunk.length; i++) {
    const byte = chunk[i];
    if (byte === COMMA || byte === BRACKET || byte === BRACE) values++;
  }
  return values;
}

function tooLarge(action: string, limit: string): FetchError {
  return new FetchError('invalid_response', `${action}: the answer has more than ${limit}`, {
    hint: 'Use a wider bucket, or fewer members, keys or projects per job.',
  });
}
