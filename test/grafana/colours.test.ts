import { assert, property, stringMatching } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NAME_COLOUR } from '../../grafana/colours.ts';

interface Override {
  readonly matcher: { readonly options: string };
  readonly properties: readonly [{ readonly value: { readonly fixedColor: string } }];
}

/** As Grafana reads a pattern of an override: /pattern/flags. */
const COLOURS = (NAME_COLOUR as unknown as Override[]).map(({ matcher, properties }) => {
  const [, pattern = '', flags] = /^\/(.*)\/(\w*)$/.exec(matcher.options)!;
  return { pattern: new RegExp(pattern, flags), colour: properties[0].value.fixedColor };
});

const coloursOf = (name: string): string[] =>
  COLOURS.filter(({ pattern }) => pattern.test(name)).map(({ colour }) => colour);

describe('the colour of a name', () => {
  it('is one of 32 different ones, for any name', () => {
    expect(new Set(COLOURS.map(({ colour }) => colour)).size).toBe(32);
    assert(property(stringMatching(/^[^\n\r\u2028\u2029]*$/), (name) => coloursOf(name).length === 1));
  });

  it.each([
    [
      'models',
      'gpt-5 gpt-5-mini gpt-4o claude-sonnet-4.5 gemini-2.5-pro kimi-k2 glm-4.6 deepseek-r1 deepseek-v3.1',
    ],
    ['versions of a model', 'doubao-seed-1-6 doubao-seed-1-6-flash doubao-1-5-vision-pro doubao-1-5-pro-32k'],
    [
      'users of a domain',
      'lin@example.com zhao@example.com chen@example.com wang@example.com sun@example.com',
    ],
  ])('is seldom that of another one among %s', (_, names) => {
    const each = names.split(' ').flatMap(coloursOf);

    expect(new Set(each).size).toBeGreaterThanOrEqual(each.length - 2);
  });
});
