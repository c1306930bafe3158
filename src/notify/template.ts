/** What a template may name. */
export const PLACEHOLDERS = [
  'version',
  'id',
  'incident',
  'state',
  'severity',
  'language',
  'rule',
  'title',
  'text',
  'links',
  'tags',
  'start',
] as const;

const PLACEHOLDER = /\{\{\s*([^{}]*?)\s*\}\}/g;

/** Names in `{{ }}` without a value. `tags.user` is a tag; a tag that the series does not have gives an empty text. */
export function unknownPlaceholders(template: unknown): string[] {
  const unknown = new Set<string>();
  mapTexts(template, (text) => {
    for (const [, name = ''] of text.matchAll(PLACEHOLDER)) {
      if (!(PLACEHOLDERS as readonly string[]).includes(name) && !/^tags\.\w+$/.test(name)) unknown.add(name);
    }
    return text;
  });
  return [...unknown];
}

/**
 * The template with its placeholders replaced. A text that is one placeholder becomes the value itself, such as a map.
 * Values are set after the template was parsed, so that they cannot change its structure.
 */
export function renderTemplate(template: unknown, values: Readonly<Record<string, unknown>>): unknown {
  const valueOf = (name: string): unknown => {
    const [first = '', tag] = name.split('.');
    const value = values[first];
    return tag === undefined ? value : ((value as Readonly<Record<string, unknown>>)[tag] ?? '');
  };
  return mapTexts(template, (text) => {
    const whole = /^\{\{\s*([^{}]*?)\s*\}\}$/.exec(text);
    if (whole?.[1] !== undefined) return valueOf(whole[1]);
    return text.replaceAll(PLACEHOLDER, (_, name: string) => {
      const value = valueOf(name);
      return typeof value === 'string' ? value : JSON.stringify(value);
    });
  });
}

function mapTexts(value: unknown, change: (text: string) => unknown): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, mapTexts(child, change)]));
}
