/** A SELECT taken from its place: its own text with `()` where a sub-query was, and those sub-queries. */
export interface Statement {
  readonly text: string;
  readonly inner: readonly Statement[];
}

/** @throws SyntaxError where a bracket, a quote or a regular expression is not closed */
export function parseStatement(query: string): Statement {
  const inner: Statement[] = [];
  let text = '';
  for (let at = 0; at < query.length;) {
    const end = endOfToken(query, at);
    if (query[at] === '(' && /^\(\s*SELECT\b/i.test(query.slice(at))) {
      const close = closing(query, at);
      inner.push(parseStatement(query.slice(at + 1, close)));
      text += '()';
      at = close + 1;
    } else {
      text += query.slice(at, end);
      at = end;
    }
  }
  return { text, inner };
}

/** The statement and all in it, outermost first. */
export function flatten(statement: Statement): Statement[] {
  return [statement, ...statement.inner.flatMap(flatten)];
}

/** The measurement that a statement without sub-queries reads. */
export const measurementOf = ({ text }: Statement): string | undefined => /\bFROM "(\w+)"/.exec(text)?.[1];

export function whereOf({ text }: Statement): string {
  return /\bWHERE (.*?)(?= GROUP BY | fill\(| ORDER BY | LIMIT | tz\(|$)/.exec(text)?.[1] ?? '';
}

/** What a statement groups by, as written. */
export function groupsOf({ text }: Statement): string[] {
  const list = /\bGROUP BY (.*?)(?= fill\(| ORDER BY | LIMIT | tz\(|$)/.exec(text)?.[1];
  return list === undefined ? [] : list.split(/,\s*(?![^(]*\))/);
}

/** The conditions that `AND` joins at the top level of a WHERE clause. */
export function conditionsOf(where: string): string[] {
  const conditions = [''];
  for (let at = 0; at < where.length;) {
    const end = where[at] === '(' ? closing(where, at) + 1 : endOfToken(where, at);
    const token = where.slice(at, end);
    if (token.toUpperCase() === 'AND') conditions.push('');
    else conditions[conditions.length - 1] += token;
    at = end;
  }
  return conditions.map((condition) => condition.trim()).filter(Boolean);
}

function closing(query: string, open: number): number {
  let depth = 0;
  for (let at = open; at < query.length; at = endOfToken(query, at)) {
    if (query[at] === '(') depth++;
    if (query[at] === ')' && --depth === 0) return at;
  }
  throw new SyntaxError(`a bracket is not closed: ${query.slice(open)}`);
}

/** A quoted text, a regular expression, a word or one character. */
function endOfToken(query: string, start: number): number {
  const rest = query.slice(start);
  const quote = rest[0]!;
  const isRegex = quote === '/' && /[=!]~\s*$/.test(query.slice(0, start));
  if (quote === "'" || quote === '"' || isRegex) {
    const [token] = new RegExp(`^${quote}(?:\\\\.|[^\\\\${quote}])*${quote}`, 's').exec(rest) ?? [];
    if (token === undefined) throw new SyntaxError(`not closed: ${rest}`);
    return start + token.length;
  }
  return start + (/^\w+/.exec(rest)?.[0].length ?? 1);
}
