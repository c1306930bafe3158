/** A URL as it may be shown: origin and path. Query, fragment and user info may hold credentials or signatures. */
export function redactUrl(url: string): string {
  if (!URL.canParse(url)) return 'an address that is not a URL';
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
