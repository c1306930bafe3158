/** Origin and path of a URL, for display. Query, fragment and user info may contain credentials. */
export function redactUrl(url: string): string {
  if (!URL.canParse(url)) return 'an invalid URL';
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
