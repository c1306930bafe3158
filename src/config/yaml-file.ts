import {
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type ErrorCode,
} from 'yaml';
import type { Diagnostic } from './errors.ts';

export type Path = readonly PropertyKey[];

export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface YamlFile {
  readonly value: unknown;
  /** Position of the key or item at a path; of the nearest ancestor if the path does not exist. */
  readonly locate: (path: Path) => Place;
}

/** Parses YAML 1.2. Messages never quote the text, which may contain a credential. */
export function parseYaml(text: string): YamlFile | { readonly issue: Diagnostic } {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const placeOf = (offset: number): Place => {
    const { line, col } = counter.linePos(offset);
    return { line, column: col };
  };
  const [fault] = [...document.errors, ...document.warnings];
  if (fault) {
    const place = placeOf(fault.pos[0]);
    return { issue: { ...place, ...explain(fault.code, lineAt(text, place)) } };
  }
  const unfit = findUnfit(document);
  if (unfit) {
    const place = placeOf(unfit.offset);
    return { issue: { ...place, ...(unfit.why ?? explain('BAD_ALIAS', lineAt(text, place))) } };
  }
  try {
    return { value: document.toJS() as unknown, locate: (path) => placeOf(offsetOf(document, path)) };
  } catch {
    return {
      issue: { line: 1, column: 1, message: 'too many alias expansions', hint: 'repeat the values instead' },
    };
  }
}

type Explanation = Pick<Diagnostic, 'message' | 'hint'>;

const EXPLANATIONS: Readonly<Partial<Record<ErrorCode, Explanation>>> = {
  TAB_AS_INDENT: { message: 'tab used for indentation', hint: 'indent with spaces' },
  DUPLICATE_KEY: { message: 'duplicate key', hint: 'remove one of them' },
  MULTIPLE_DOCS: { message: 'a file contains one document', hint: 'move the part after --- to another file' },
  MISSING_CHAR: { message: 'a quote or bracket is not closed', hint: 'close it, or remove the opening one' },
  BAD_INDENT: {
    message: 'the indentation does not match the lines above',
    hint: 'align the keys of a map in one column, and close every bracket',
  },
  BAD_SCALAR_START: { message: 'a value cannot begin with this character', hint: 'put the value in quotes' },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'second ": " in one line',
    hint: 'quote the value, or move the second key to a new line',
  },
  TAG_RESOLVE_FAILED: {
    message: 'YAML tags (!) are not supported',
    hint: 'remove the tag, or quote the value',
  },
};

function explain(code: ErrorCode, line: string): Explanation {
  if (/^\s*schedule:\s*[*?]/.test(line)) {
    return {
      message: 'the cron expression is not quoted',
      hint: "put the cron expression in quotes: schedule: '*/5 * * * *'",
    };
  }
  if (/[{[].*\$\{/.test(line)) {
    return {
      message: 'a ${VARIABLE} inside { } or [ ] is not quoted',
      hint: 'quote it, "${VARIABLE}", or write the map or list over several lines',
    };
  }
  if (/:\s*[*&]/.test(line)) {
    return { message: 'a value that begins with * or & is not quoted', hint: 'put the value in quotes' };
  }
  if ((code === 'MISSING_CHAR' || code === 'MULTILINE_IMPLICIT_KEY') && /^\s*[\w-]+(:\S+)?\s*$/.test(line)) {
    return { message: 'this line has no ": "', hint: 'put a colon and a space between key and value' };
  }
  if (code === 'BLOCK_AS_IMPLICIT_KEY' && !/:\s.*:(\s|$)/.test(line)) {
    return {
      message: 'the next line is indented too far',
      hint: 'align the keys of a map in one column',
    };
  }
  return (
    EXPLANATIONS[code] ?? {
      message: 'this is not valid YAML',
      hint: 'check quotes, brackets and indentation',
    }
  );
}

const TOO_LONG = { message: 'number too long to be exact', hint: 'put it in quotes' };

/** Valid YAML that a file must not contain: unresolved aliases and integers that would be rounded. */
function findUnfit(document: Document): { readonly offset: number; readonly why?: Explanation } | undefined {
  let found: { offset: number; why?: Explanation } | undefined;
  visit(document, {
    Alias(_, node) {
      if (node.resolve(document)) return undefined;
      found = { offset: node.range?.[0] ?? 0 };
      return visit.BREAK;
    },
    Scalar(_, { value, source = '', range }) {
      const exact = typeof value !== 'number' || Number.isSafeInteger(value) || !/^-?\d+$/.test(source);
      if (exact) return undefined;
      found = { offset: range?.[0] ?? 0, why: TOO_LONG };
      return visit.BREAK;
    },
  });
  return found;
}

function lineAt(text: string, { line }: Place): string {
  return text.split('\n')[line - 1] ?? '';
}

function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const key = path[length - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (isScalar(pair?.key) && pair.key.range) return pair.key.range[0];
    }
    const node: unknown = document.getIn(path.slice(0, length), true);
    const isItem = isScalar(node) || (isNode(node) && typeof key === 'number');
    if (isItem && node.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
}
