import { createHash, createHmac } from 'node:crypto';

/** A request to sign. The host is that of the URL, because `fetch` sends no other. */
export interface Signable {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  /** Absent if the request has none; then no hash is sent or signed. */
  readonly body?: string;
  /** Further headers to sign, names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface SigningKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface Scope {
  readonly region: string;
  readonly service: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

const ALGORITHM = 'HMAC-SHA256';

/**
 * Volcengine's signature, version 4 (https://www.volcengine.com/docs/6369/67269): the headers to send, names in
 * lower case. `content-type` need not be signed: `SignedHeaders` lists the signed headers.
 */
export function sign(request: Signable, key: SigningKey, scope: Scope): Record<string, string> {
  const url = new URL(request.url);
  const date = new Date(scope.time).toISOString().replaceAll(/[:-]|\.[0-9]{3}/g, '');
  const headers: Record<string, string> = { ...request.headers, 'x-date': date };
  const bodyHash = sha256(request.body ?? '');
  if (request.body !== undefined) headers['x-content-sha256'] = bodyHash;
  if (key.sessionToken !== undefined) headers['x-security-token'] = key.sessionToken;

  const signed = Object.entries({ ...headers, host: url.host }).toSorted(byName);
  const names = signed.map(([name]) => name).join(';');
  const canonical = [
    request.method,
    url.pathname,
    canonicalQuery(url.searchParams),
    ...signed.map(([name, value]) => `${name}:${value.trim().replaceAll(/\s+/g, ' ')}`),
    '',
    names,
    bodyHash,
  ].join('\n');

  const parts = [date.slice(0, 8), scope.region, scope.service, 'request'];
  const credential = parts.join('/');
  // Unlike AWS, the secret has no prefix.
  const signingKey = parts.reduce<string | Buffer>((secret, part) => hmac(secret, part), key.secretAccessKey);
  const signature = hmac(signingKey, [ALGORITHM, date, credential, sha256(canonical)].join('\n'));
  headers['authorization'] =
    `${ALGORITHM} Credential=${key.accessKeyId}/${credential}, SignedHeaders=${names}, Signature=${signature.toString('hex')}`;
  return headers;
}

function canonicalQuery(query: URLSearchParams): string {
  return [...query]
    .map(([name, value]): [string, string] => [name, encode(value)])
    .toSorted((a, b) => byName(a, b) || compare(a[1], b[1]))
    .map(([name, value]) => `${encode(name)}=${value}`)
    .join('&');
}

/** RFC 3986: everything but letters, digits and `-_.~`. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function byName(a: readonly [string, string], b: readonly [string, string]): number {
  return compare(a[0], b[0]);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest();
}
