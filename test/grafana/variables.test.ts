import { describe, expect, it } from 'vitest';
import { escapeRegex, interpolate, type Choice } from '../support/grafana-variables.ts';

/** What the other tests rely on: the same texts as Grafana makes. */
describe('variables in a query', () => {
  const put = (query: string, choices: Record<string, Choice> = {}): string =>
    interpolate(query, { from: 1_000, to: 5_000, interval: '1h', choices });

  it.each<[string, Choice, string]>([
    ['one value', ['a.b+c'], String.raw`/^a\.b\+c$/`],
    ['several', ['a/b', 'c|d'], String.raw`/^(a\/b|c\|d)$/`],
    ['none', [], '/^()$/'],
    ['All with a text of its own', { all: '.*' }, '/^.*$/'],
    ['a single choice', 'x(y)', String.raw`/^x\(y\)$/`],
  ])('a regular expression holds %s', (_, choice, expected) => {
    expect(put('/^${user:regex}$/', { user: choice })).toBe(expected);
  });

  it('texts are put in as they are', () => {
    expect(put(`"bucket" = '$bucket' tz('\${zone}')`, { bucket: '1h', zone: 'Asia/Shanghai' })).toBe(
      `"bucket" = '1h' tz('Asia/Shanghai')`,
    );
  });

  it('the range is closed at both ends', () => {
    expect(put('$timeFilter, ${__from} ${__to} $__interval')).toBe(
      'time >= 1000ms and time <= 5000ms, 1000 5000 1h',
    );
  });

  it('a value that looks like a variable stays as it is', () => {
    expect(put('/^${user:regex}$/', { user: ['${__user.login}', '$b'] })).toBe(
      String.raw`/^(\$\{__user\.login\}|\$b)$/`,
    );
  });

  it('what Grafana would leave as text or escape differently is refused', () => {
    expect(() => put('$nobody')).toThrow('no variable nobody');
    expect(() => put('${__range_s}')).toThrow('no variable __range_s');
    expect(() => put(`"user" = '$user'`, { user: ['a'] })).toThrow('use :regex');
    expect(() => put('${user:pipe}', { user: ['a'] })).toThrow('use :regex');
  });

  it('every character with a meaning is escaped', () => {
    expect(escapeRegex(String.raw`\^$*+?.()|[]{}/-#&`)).toBe(String.raw`\\\^\$\*\+\?\.\(\)\|\[\]\{\}\/-#&`);
  });
});
