import { FetchError } from './errors.ts';

/** Reads a body as text, giving up as soon as it is larger than `maxBytes`. @throws FetchError `invalid_response` */
export async function readText(response: Response, maxBytes: number, action: string): Promise<string> {
  if (!response.body) return '';
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  // Leaving the loop by an error cancels the stream, and with it the transfer.
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge(action, maxBytes);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function tooLarge(action: string, maxBytes: number): FetchError {
  return new FetchError('invalid_response', `${action}: the answer is larger than ${maxBytes} bytes`, {
    hint: 'Use a wider bucket, or ask for fewer members, keys or projects in one job.',
  });
}
