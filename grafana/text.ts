/** What people read in Grafana, in every language that is shipped. */

export const LANGUAGES = ['en', 'zh-CN'] as const;
export type Language = (typeof LANGUAGES)[number];
export type Text = Readonly<Record<Language, string>>;

export const text = (en: string, chinese: string): Text => ({ en, 'zh-CN': chinese });

/** A copy of a JSON value in one language: each `Text` in it becomes a string. */
export function localise(value: unknown, language: Language): unknown {
  if (Array.isArray(value)) return value.map((item) => localise(item, language));
  if (typeof value !== 'object' || value === null) return value;
  if (isText(value)) return value[language];
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, localise(item, language)]));
}

function isText(value: object): value is Text {
  return LANGUAGES.every((language) => language in value);
}
