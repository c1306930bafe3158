import { describe, expect, it } from 'vitest';
import { OTHER } from '../../src/usage/cardinality.ts';
import { Secret } from '../../src/lib/secret.ts';
import { createUserMapping, pseudonym } from '../../src/usage/user-mapping.ts';

describe('createUserMapping', () => {
  const teams = new Map([['ann@example.com', 'red']]);
  const pseudonymKey = new Secret('0123456789abcdef');

  it('leaves tags alone without settings', () => {
    const tags = { user: 'ann@example.com' };

    expect(createUserMapping({})(tags)).toBe(tags);
  });

  it('adds the team of a known e-mail, and none to others', () => {
    const names = createUserMapping({ teams });

    expect(names({ user: 'Ann@example.com', model: 'm' })).toEqual({
      user: 'Ann@example.com',
      model: 'm',
      team: 'red',
    });
    expect(names({ user: 'eve@example.com' })).toEqual({ user: 'eve@example.com' });
    expect(names({ model: 'm' })).toEqual({ model: 'm' });
  });

  it('finds the team before it hides the user', () => {
    const names = createUserMapping({ teams, pseudonymKey });

    const tags = names({ user: 'ann@example.com', key: 'k' });

    expect(tags).toEqual({ user: pseudonym('0123456789abcdef', 'ann@example.com'), key: 'k', team: 'red' });
    expect(JSON.stringify(tags)).not.toContain('ann');
  });

  it('does not hide that usage is beyond a limit', () => {
    const names = createUserMapping({ teams, pseudonymKey });

    expect(names({ user: OTHER, model: 'm' })).toEqual({ user: OTHER, model: 'm' });
  });

  it('gives the same name each time', () => {
    const names = createUserMapping({ pseudonymKey });

    expect(names({ user: 'ann' })).toEqual(names({ user: 'ann' }));
    expect(names({ user: 'ann' })).not.toEqual(names({ user: 'bob' }));
  });
});

describe('pseudonym', () => {
  it('is the start of an HMAC-SHA256', () => {
    // RFC 4231, test case 2.
    expect(pseudonym('Jefe', 'what do ya want for nothing?')).toBe('u_5bdcc146bf60754e');
  });

  it('differs by key', () => {
    expect(pseudonym('one key', 'ann')).not.toBe(pseudonym('another key', 'ann'));
  });
});
