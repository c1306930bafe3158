import { createHash } from 'node:crypto';

/**
 * The `Signature` of a request: SHA-1, lower-case hex, over every parameter's name and value in the order of the
 * names, unescaped and without separators, and then the private key. Arrays are given flat (`Backends.0`, ...).
 * Names sort as text, so `Backends.10` comes before `Backends.2`.
 * https://docs.ucloud.cn/api/summary/signature
 */
export function sign(parameters: Readonly<Record<string, string>>, privateKey: string): string {
  const text = Object.keys(parameters)
    .toSorted()
    .map((name) => `${name}${parameters[name]}`)
    .join('');
  return createHash('sha1')
    .update(text + privateKey, 'utf8')
    .digest('hex');
}
