import { vendorMessage } from '../fetch/vendor-message.ts';
import { Secret } from '../lib/secret.ts';

/** Shorter parts of a path are words of the API, such as `cgi-bin` and `open-apis`. */
const SHORTEST_SECRET_SEGMENT = 10;

/** The credentials among a channel's options, and the forms in which a server may repeat them. */
export function secretsOf(options: Readonly<Record<string, unknown>>): Secret[] {
  const values = Object.values(options).flatMap((value) => (value instanceof Secret ? [value.reveal()] : []));
  const user = options['user'];
  const forms = values.flatMap((value) => [
    value,
    ...(URL.canParse(value) ? secretsInUrl(new URL(value)) : base64Forms(value, user)),
  ]);
  // The longest first: the address of a robot contains its token.
  return [...new Set(forms)].toSorted((a, b) => b.length - a.length).map((form) => new Secret(form));
}

/** What makes the address of a robot secret: tokens in the query or the path. */
function secretsInUrl({ href, pathname, search, searchParams, username, password }: URL): string[] {
  const segments = pathname.split('/').filter((segment) => segment.length >= SHORTEST_SECRET_SEGMENT);
  const parts = [href, pathname + search, ...searchParams.values(), ...segments, username, password];
  return parts.filter((part) => part.length > 1);
}

/** A password as HTTP and SMTP send it. */
function base64Forms(value: string, user: unknown): string[] {
  const texts = [value, ...(typeof user === 'string' ? [`${user}:${value}`, `\0${user}\0${value}`] : [])];
  return texts.map((text) => Buffer.from(text).toString('base64'));
}

/** HMAC-SHA256 as base64, also in a URL: a signature allows a replay of the request. */
const SIGNATURE = /[A-Za-z0-9+/%]{43,}(?:=|%3D)/g;

/** The text of a server or a system error for display: one line without credentials and signatures. */
export function displayAnswer(text: string, secrets: readonly Secret[]): string {
  return vendorMessage(text.replaceAll(SIGNATURE, '***'), secrets);
}
