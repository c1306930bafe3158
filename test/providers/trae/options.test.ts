import { expect, it } from 'vitest';
import { Secret } from '../../../src/lib/secret.ts';
import { Options } from '../../../src/providers/trae/options.ts';

const required = { app_id: 'app', app_secret: 'hush' };

it('fills in the defaults', () => {
  const options = Options.parse(required);

  expect(options).toEqual({
    app_id: 'app',
    app_secret: expect.any(Secret) as Secret,
    base_url: 'https://console.enterprise.trae.cn',
    token_path: '/openapi/v1/auth/token',
    members: 'all',
  });
});

it('accepts a base URL with a trailing slash', () => {
  expect(Options.parse({ ...required, base_url: 'https://trae.example.com/' }).base_url).toBe(
    'https://trae.example.com',
  );
});

it.each([
  { name: 'no secret', given: { app_secret: undefined }, at: 'app_secret' },
  { name: 'an empty app id', given: { app_id: '' }, at: 'app_id' },
  { name: 'a base URL that is no URL', given: { base_url: 'trae' }, at: 'base_url' },
  { name: 'a token path on another host', given: { token_path: '//evil.example/token' }, at: 'token_path' },
  { name: 'no members', given: { members: { emails: [] } }, at: 'members.emails' },
  { name: 'a member that is no address', given: { members: { emails: ['li.lei'] } }, at: 'members.emails.0' },
  {
    name: 'a duplicate member',
    given: { members: { emails: ['a@example.com', 'A@example.com'] } },
    at: 'members.emails',
  },
  { name: 'an id that is not a number', given: { members: { ids: ['7'] } }, at: 'members' },
  { name: 'both emails and ids', given: { members: { emails: ['a@example.com'], ids: [7] } }, at: 'members' },
])('refuses $name', ({ given, at }) => {
  const { error } = Options.safeParse({ ...required, ...given });

  expect(error?.issues.map(({ path }) => path.join('.'))).toEqual([at]);
});
