import type { Board } from './grafana.ts';

/** Every text in a JSON value with its path. */
export function leaves(value: unknown, path = ''): [path: string, value: unknown][] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([key, item]) => leaves(item, `${path}/${key}`));
}

export const strings = (value: unknown): string[] =>
  leaves(value)
    .map(([, leaf]) => leaf)
    .filter((leaf) => typeof leaf === 'string');

/** Whether people read what is at this path. */
function isRead(path: string): boolean {
  return (
    /\/(?:title|description|label|noValue|content|axisLabel|tooltip)$/.test(path) ||
    /\/annotations\/list\/\d+\/(?:name|mappings\/(?:text|title)\/value)$/.test(path) ||
    /\/renameByName\//.test(path) ||
    /\/(?:mappings|value)\/\d+\/options\/.*text$/.test(path) ||
    /\/templating\/list\/\d+\/options\/\d+\/text$/.test(path)
  );
}

/** What people read. A field's name in a mapping is no text. */
export function texts(board: Board): [path: string, text: string][] {
  const all = new Map(leaves(board));
  return [...all]
    .filter(
      ([path]) => isRead(path) && !/^(?:field)$/.test(String(all.get(path.replace(/value$/, 'source')))),
    )
    .filter((leaf): leaf is [string, string] => typeof leaf[1] === 'string');
}

/** The dashboard with one placeholder for every text that people read, and for what refers to it by name. */
export function structure(board: Board): unknown {
  const read = new Set(texts(board).map(([, text]) => text));
  const replace = (value: unknown, path: string): unknown => {
    if (Array.isArray(value)) return value.map((item, index) => replace(item, `${path}/${index}`));
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, replace(item, `${path}/${key}`)]),
      );
    const refers = /\/(?:alias|options|displayName|value|field|query|text|destinationField)$/.test(path);
    if (typeof value !== 'string' || /^SELECT|^SHOW/.test(value)) return value;
    return isRead(path) || (refers && (read.has(value) || /\p{L}{2}/u.test(value))) ? 'text' : value;
  };
  return replace(board, '');
}
