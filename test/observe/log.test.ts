import { describe, expect, it, test } from 'vitest';
import { credentialNames } from '../../src/config/credentials.ts';
import { FetchError } from '../../src/fetch/errors.ts';
import { Secret } from '../../src/lib/secret.ts';
import { createLogger, type Logger, type LogOptions } from '../../src/observe/log.ts';
import { PROVIDERS } from '../../src/providers/index.ts';
import { StoreError } from '../../src/store/store.ts';

const CANARY = 'canary-7f3a';

describe('createLogger', () => {
  it('writes one JSON object per line, with level name and ISO time', () => {
    const { log, lines } = logger({ level: 'info' });

    log.info({ job: 'trae-main', windows: 3 }, 'polled');

    expect(JSON.parse(lines[0]!)).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      job: 'trae-main',
      windows: 3,
      msg: 'polled',
    });
  });

  it('writes nothing below its level', () => {
    const { log, lines } = logger({ level: 'warn' });

    log.info('polled');

    expect(lines).toEqual([]);
  });

  test.each([
    [
      new FetchError('credentials', 'refused', {
        hint: 'check',
        code: '1002',
        status: 401,
        requestId: 'r-1',
      }),
      {
        type: 'FetchError',
        kind: 'credentials',
        message: 'refused',
        hint: 'check',
        code: '1002',
        status: 401,
        requestId: 'r-1',
      },
    ],
    [
      new StoreError('unavailable', 'down', { hint: 'wait', cause: new Error('ECONNREFUSED') }),
      { type: 'StoreError', kind: 'unavailable', message: 'down', hint: 'wait', cause: 'ECONNREFUSED' },
    ],
  ])('describes an error with kind and hint: %s', (err, expected) => {
    const { log, lines } = logger({ level: 'info' });

    log.warn({ err }, 'a call failed');

    expect((JSON.parse(lines[0]!) as { err: unknown }).err).toEqual(expected);
  });

  it('includes the stack of an unexpected error', () => {
    const { log, lines } = logger({ level: 'info' });

    log.error({ error: new TypeError('x is not a function') }, 'a poll failed');

    expect((JSON.parse(lines[0]!) as { error: { stack: string } }).error.stack).toContain('log.test.ts');
  });

  it('gives the stack of an error that became a gap of kind unexpected', () => {
    const { log, lines } = logger({ level: 'info' });

    log.warn({ error: new FetchError('unexpected', 'a sum that does not fit') }, 'a gap');

    expect((JSON.parse(lines[0]!) as { error: { stack: string } }).error.stack).toContain('log.test.ts');
  });

  test.each([false, true])('never prints a secret, not even at trace level (pretty: %s)', (pretty) => {
    const { log, lines } = logger({ level: 'trace', pretty });
    const secret = new Secret(CANARY);

    log.trace({ secret, list: [secret], deep: { deeper: { deepest: { secret } } } }, 'with secrets');
    log.trace(secret, 'a secret instead of an object');
    log.trace('as text %s, as object %o, as JSON %j', secret, secret, { secret });
    log.child({ secret }).trace('from a child');
    log.error({ err: new Error('failed', { cause: new Error(`with ${String(secret)}`) }) }, 'in an error');
    log.error({ err: Object.assign(new Error('failed'), { secret }) }, 'on an error');

    expect(lines).toHaveLength(6);
    expect(lines.join('')).not.toContain(CANARY);
  });

  test.each([
    ['at the top', { app_secret: CANARY }],
    ['in options', { options: { secret_access_key: CANARY, private_key: CANARY, management_key: CANARY } }],
    ['in headers', { request: { headers: { authorization: `Bearer ${CANARY}` } } }],
  ])('redacts a plain credential %s', (_, object) => {
    const { log, lines } = logger({ level: 'trace', credentials: credentialNames(PROVIDERS) });

    log.trace(object, 'with a plain credential');

    expect(lines.join('')).not.toContain(CANARY);
    expect(lines.join('')).toContain('***');
  });

  it('removes escape sequences and invisible characters from plain text lines', () => {
    const { log, lines } = logger({ level: 'info', pretty: true });
    const text = 'a\u001b[31mb\u202e\u009b2Jc';

    log.warn({ job: text, deep: { text }, error: new FetchError('refused', text) }, 'a call failed');

    // eslint-disable-next-line no-control-regex
    expect(lines[0]).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });

  it('writes plain text lines with pretty', () => {
    const { log, lines } = logger({ level: 'info', pretty: true });

    log.warn({ job: 'trae-main', window: { start: 0, end: 3600 }, hint: 'check the key' }, 'a call failed');

    expect(lines[0]?.replace(/^\S+/, 'TIME')).toBe(
      'TIME WARN  a call failed job=trae-main window={"start":0,"end":3600} hint="check the key"\n',
    );
  });
});

function logger(options: LogOptions): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return { log: createLogger({ ...options, destination }), lines };
}
