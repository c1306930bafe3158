import { describe, expect, it } from 'vitest';
import { parseTeams } from '../../src/config/teams.ts';

describe('parseTeams', () => {
  it.each([
    ['plain', 'email,team\nann@example.com,red\nbob@example.com,blue\n'],
    ['without a last newline', 'email,team\nann@example.com,red\nbob@example.com,blue'],
    [
      'with a byte order mark and CRLF',
      '\uFEFFemail,team\r\nann@example.com,red\r\nbob@example.com,blue\r\n',
    ],
    ['in quotes', '"email","team"\n"ann@example.com","red"\n"bob@example.com",blue\n'],
    [
      'with spaces and empty lines',
      'Email , Team\n\n ann@example.com , red \n\r\n,\nbob@example.com,blue\n\n',
    ],
    ['in any letter case', 'EMAIL,TEAM\nAnn@Example.COM,red\nBOB@example.com,blue'],
    ['with a line twice', 'email,team\nann@example.com,red\nbob@example.com,blue\nANN@example.com,red\n'],
  ])('reads a file %s', (_, text) => {
    expect(parseTeams(text, 'teams.csv')).toEqual(
      new Map([
        ['ann@example.com', 'red'],
        ['bob@example.com', 'blue'],
      ]),
    );
  });

  it('keeps commas, quotes and newlines of a quoted team', () => {
    const teams = parseTeams('email,team\r\nann@example.com,"R&D, ""core""\r\nBerlin"\r\n', 'teams.csv');

    expect(teams.get('ann@example.com')).toBe('R&D, "core"\r\nBerlin');
  });

  it('reads a file of nobody', () => {
    expect(parseTeams('email,team\n', 'teams.csv').size).toBe(0);
  });

  it.each([
    ['an empty file', '', 'teams.csv:1: the first line must be email,team'],
    ['another header', 'mail;team\na@b.c;red', 'teams.csv:1: the first line must be email,team'],
    [
      'a header after empty lines',
      '\n\nann@example.com,red',
      'teams.csv:3: the first line must be email,team',
    ],
    ['one column', 'email,team\nann@example.com', 'teams.csv:2: 2 columns are expected (email,team), not 1'],
    [
      'three columns',
      'email,team\n\na@b.c,red,blue',
      'teams.csv:3: 2 columns are expected (email,team), not 3',
    ],
    ['no e-mail', 'email,team\n,red', 'teams.csv:2: the e-mail is missing'],
    ['no team', 'email,team\na@b.c,', 'teams.csv:2: a@b.c has no team'],
    ['two teams', 'email,team\na@b.c,red\nA@b.c,blue', 'teams.csv:3: A@b.c is in red already'],
    ['an open quote', 'email,team\na@b.c,"red\n', 'teams.csv:2: unterminated quote'],
    [
      'a quote inside',
      'email,team\na@b.c,r"e"d\n',
      'teams.csv:2: unterminated quote, or quote inside an unquoted cell',
    ],
    ['text after a quote', 'email,team\na@b.c,"red"dish\n', 'teams.csv:2: unterminated quote'],
    [
      'a bad line after a long cell',
      'email,team\na@b.c,"r\ne\nd"\n,blue',
      'teams.csv:5: the e-mail is missing',
    ],
  ])('refuses %s and names the line', (_, text, message) => {
    expect(() => parseTeams(text, 'teams.csv')).toThrow(message);
  });

  it('names every bad line at once', () => {
    expect(() => parseTeams('email,team\n,red\na@b.c\n', 'teams.csv')).toThrow(
      /^teams\.csv:2: .*\nteams\.csv:3: .*$/,
    );
  });
});
