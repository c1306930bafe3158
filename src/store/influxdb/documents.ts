/** Splits a stream of text into JSON documents, which white space may separate. */
export interface DocumentSplitter {
  /** @returns the documents that end in this part of the text @throws RangeError for one above the limit */
  push(text: string): string[];
  /** The text after the last document; not empty if the stream is truncated or not JSON. */
  rest(): string;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);

export function documentSplitter(maxLength: number): DocumentSplitter {
  let parts: string[] = [];
  let length = 0;
  let depth = 0;
  let inString = false;
  let escaped = false;

  function keep(part: string): void {
    length += part.length;
    if (length > maxLength) throw new RangeError(`a document of more than ${maxLength} characters`);
    parts.push(part);
  }

  function take(): string {
    const document = parts.join('');
    parts = [];
    length = 0;
    return document;
  }

  /** Whether a document ends with this character. */
  function ends(code: number): boolean {
    if (inString) {
      if (escaped) escaped = false;
      else if (code === BACKSLASH) escaped = true;
      else if (code === QUOTE) inString = false;
      return false;
    }
    if (code === QUOTE) inString = true;
    else if (OPENING.has(code)) depth++;
    else if (CLOSING.has(code)) depth = Math.max(0, depth - 1);
    return depth === 0 && CLOSING.has(code);
  }

  return {
    push(text) {
      const documents: string[] = [];
      let start = 0;
      for (let i = 0; i < text.length; i++) {
        if (!ends(text.charCodeAt(i))) continue;
        keep(text.slice(start, i + 1));
        documents.push(take());
        start = i + 1;
      }
      keep(text.slice(start));
      return documents;
    },
    rest: () => parts.join('').trim(),
  };
}
