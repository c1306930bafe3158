import { assert, constantFrom, integer, property } from 'fast-check';
import { expect, test } from 'vitest';
import { formatSpan, parseDuration } from '../../src/config/duration.ts';
import { parseInstant } from '../../src/config/instant.ts';
import { closest, suggestion } from '../../src/config/suggest.ts';
import { wallTime } from '../../src/windows/calendar.ts';

test.each([
  ['45s', 45],
  ['5m', 300],
  ['2h', 7200],
  ['3d', 259_200],
  ['1w', 604_800],
  ['0d', undefined],
  ['-1d', undefined],
  ['1.5h', undefined],
  ['3 d', undefined],
  ['3', undefined],
  ['3D', undefined],
  ['', undefined],
])('the duration %j is %j seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each([
  [45, '45 s'],
  [720, '12 min'],
  [12_000, '3 h 20 min'],
  [7200, '2 h'],
  [187_200, '2 d 4 h'],
])('%d seconds read %s', (seconds, text) => {
  expect(formatSpan(seconds)).toBe(text);
});

test.each([
  ['2026-10-01', 'Asia/Shanghai', '2026-09-30T16:00:00.000Z'],
  ['2026-10-01T08:30', 'UTC', '2026-10-01T08:30:00.000Z'],
  ['2026-10-25T12:00', 'Europe/Berlin', '2026-10-25T11:00:00.000Z'],
  ['2026-10-25T00:30', 'Europe/Berlin', '2026-10-24T22:30:00.000Z'],
  ['2026-03-08T12:00:30', 'America/New_York', '2026-03-08T16:00:30.000Z'],
  ['2026-10-01T08:30:00-03:30', 'Asia/Shanghai', '2026-10-01T12:00:00.000Z'],
])('%s in %s is %s', (text, zone, expected) => {
  expect(new Date((parseInstant(text, zone) ?? Number.NaN) * 1000).toISOString()).toBe(expected);
});

test.each([
  '2026-13-01',
  '2026-02-29',
  '2026-10-01T25:00',
  '2026-10-01Z',
  '20261001',
  'now',
  '1790000000',
  '',
])('%j is no time', (text) => {
  expect(parseInstant(text, 'UTC')).toBeUndefined();
});

test('a time is read as it is written, wherever the clock does not change', () => {
  const minutes = integer({ min: 0, max: 40 * 365 * 24 * 60 });
  const zones = constantFrom('UTC', 'Asia/Shanghai', 'Asia/Kolkata', 'America/Phoenix');

  assert(
    property(minutes, zones, (minute, zone) => {
      const time = Date.UTC(2000, 0, 1) / 1000 + minute * 60;

      expect(parseInstant(wallTime(time, zone), zone)).toBe(time);
    }),
  );
});

test.each([
  ['trea', 'trae'],
  ['ucluod', 'ucloud'],
  ['volcengine_ark', 'volcengine-ark'],
  ['TRAE', 'trae'],
  ['r9', 'r9s'],
  ['openai', undefined],
  ['x', undefined],
])('for %j %j was probably meant', (word, meant) => {
  expect(closest(word, ['trae', 'ucloud', 'sigcal', 'r9s', 'volcengine-ark'])).toBe(meant);
});

test('without a close match the known words are listed; without known words there is no suggestion', () => {
  expect(suggestion('openai', ['ucloud', 'trae'])).toBe('expected one of trae, ucloud');
  expect(suggestion('openai', [])).toBeUndefined();
});
