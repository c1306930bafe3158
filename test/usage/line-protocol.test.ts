import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Count } from '../../src/usage/count.ts';
import { parseLine, toLine } from '../../src/usage/line-protocol.ts';
import { decodeText, encodeText, storedTexts } from '../../src/usage/tag-encoding.ts';
import { FIELDS, TAGS, type Point } from '../../src/usage/point.ts';
import { createSerialiser } from '../../src/usage/serialiser.ts';
import { anyPoint, anyText } from '../support/points.ts';
import { runs } from '../support/extent.ts';

const point: Point = {
  time: 1_700_000_000,
  tags: { user: 'a@b.example', provider: 'trae', account: 'main' },
  fields: { requests: 3, input_tokens: 12 },
};

describe('toLine', () => {
  it('writes tags by name, fields in their order as integers, time in seconds', () => {
    expect(toLine(point)).toBe(
      'llm_token_usage,account=main,provider=trae,user=a@b.example input_tokens=12i,requests=3i 1700000000',
    );
  });

  it.each([
    ['comma, equals sign and space', 'a,b=c d', 'a\\,b\\=c\\ d'],
    ['quotes and emoji as they are', `"it's" 🌊`, `"it's"\\ 🌊`],
    ['a backslash inside a name as it is', 'CORP\\alice', 'CORP\\alice'],
    ['a trailing backslash', 'C:\\', 'C:%5C'],
    ['a backslash in front of an escape', 'a\\,b', 'a%5C\\,b'],
    ['two backslashes', 'a\\\\b', 'a%5C\\b'],
    ['newlines and tabs', 'a\r\n\tb', 'a%0D%0A%09b'],
    ['NUL and DEL', '\u0000\u007f', '%00%7F'],
    ['a lone surrogate', 'a\ud83db', 'a%uD83Db'],
    ['a percent sign as it is', '100%', '100%'],
    ['text that reads like a code', '100%0A', '100%250A'],
    ['an empty value as absent', '', undefined],
  ])('stores %s', (_, value, text) => {
    const line = toLine({ ...point, tags: { key: value } });

    const tag = text === undefined ? '' : `,key=${text}`;
    expect(line).toBe(`llm_token_usage${tag} input_tokens=12i,requests=3i 1700000000`);
  });

  it.each<[string, Count, string]>([
    ['0', 0, '0i'],
    ['2^53-1', Number.MAX_SAFE_INTEGER, '9007199254740991i'],
    ['2^53+1', 2n ** 53n + 1n, '9007199254740993i'],
    ['2^63-1', 2n ** 63n - 1n, '9223372036854775807i'],
  ])('writes %s exactly', (_, count, text) => {
    expect(toLine({ ...point, fields: { requests: count } })).toContain(` requests=${text} `);
  });

  it.each<[string, Partial<Point>, string]>([
    ['no field', { fields: {} }, 'a point has no field'],
    ['a fraction', { fields: { images: 1.5 } }, 'images is not a count from 0 to 2^63-1: 1.5'],
    ['a negative count', { fields: { images: -1 } }, 'images is not a count from 0 to 2^63-1: -1'],
    ['a rounded double', { fields: { images: 2 ** 53 } }, 'images is not a count'],
    ['NaN', { fields: { images: Number.NaN } }, 'images is not a count'],
    ['2^63', { fields: { images: 2n ** 63n } }, 'images is not a count'],
    ['milliseconds', { time: 1_700_000_000_000 }, 'time is not in whole Unix seconds: 1700000000000'],
    ['half a second', { time: 0.5 }, 'time is not in whole Unix seconds: 0.5'],
  ])('refuses %s', (_, change, message) => {
    const wrong = { ...point, ...change };

    expect(() => toLine(wrong)).toThrow(message);
    expect(() => createSerialiser()([wrong])).toThrow(message);
  });
});

describe('parseLine', () => {
  it('gives back any point', () => {
    fc.assert(
      fc.property(anyPoint, (original) => {
        const line = toLine(original);

        expect(line).not.toContain('\n');
        expect(parseLine(line)).toEqual(original);
      }),
      runs(5_000),
    );
  });

  it.each(['x', 'x\\', '\n', ',', '=', ' ', '"', '🌊', '\u0001'])('gives back 64 KB of %j', (text) => {
    const tags = { user: text.repeat(Math.ceil(65_536 / text.length)) };

    expect(parseLine(toLine({ ...point, tags })).tags).toEqual(tags);
  });

  it.each([
    ['another measurement', 'cpu,host=a load=1i 1', 'unknown measurement'],
    ['an unknown tag', 'llm_token_usage,host=a images=1i 1', 'not a tag: host=a'],
    ['an empty tag', 'llm_token_usage,user= images=1i 1', 'not a tag: user='],
    ['an unknown field', 'llm_token_usage load=1i 1', 'not a field: load=1i'],
    ['a float in a count', 'llm_token_usage images=1 1', 'not a field: images=1'],
    ['a negative count', 'llm_token_usage images=-1i 1', 'not a field: images=-1i'],
    ['an integer above 2^63-1', 'llm_token_reconciliation difference=9223372036854775808i 1', '2^63-1'],
    ['no time', 'llm_token_usage images=1i', 'no time in seconds'],
    ['something after the time', 'llm_token_usage images=1i 1 2', 'no time in seconds'],
    ['an unescaped space', 'llm_token_usage,user=a b images=1i 1', 'no time in seconds'],
  ])('refuses %s', (_, line, message) => {
    expect(() => parseLine(line)).toThrow(message);
  });
});

describe('encodeText', () => {
  it('keeps different values different and never ends in a backslash', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        const text = encodeText(a);

        expect(decodeText(text)).toBe(a);
        expect(text === encodeText(b)).toBe(a === b);
        expect(text.endsWith('\\')).toBe(false);
        expect(Buffer.from(text).toString()).toBe(text);
      }),
      runs(5_000),
    );
  });
});

describe('a value longer than the server holds', () => {
  const limits = { value: 4_096, series: 65_000 };
  const long = `${'名'.repeat(10_000)}\ud800`;

  it('is stored as its beginning and a digest of all of it', () => {
    const line = toLine({ ...point, tags: { user: long, model: 'm' } }, limits);

    expect(line).toMatch(/^llm_token_usage,model=m,user=名{333}%~[0-9a-f]{64} /);
    expect(storedTexts(long)).toContain(parseLine(line).tags.user);
    expect(storedTexts('short')).toEqual(['short']);
  });

  it('differs from a value with another last character, and from a value equal to its stored text', () => {
    const stored = parseLine(toLine({ ...point, tags: { user: long } }, limits)).tags.user ?? '';
    const values = [long, `${long.slice(0, -1)}\ud801`, stored];

    const lines = values.map((user) => toLine({ ...point, tags: { user } }, limits));

    expect(new Set(lines).size).toBe(3);
  });

  it('is shortened too where only all tags together are too long', () => {
    const tags = Object.fromEntries(TAGS.map((tag) => [tag, `${tag}-${'x'.repeat(10_000)}`]));

    const whole = toLine({ ...point, tags: { user: tags.user ?? '' } }, { value: 60_000, series: 65_000 });
    const line = toLine({ ...point, tags }, { value: 60_000, series: 65_000 });

    expect(whole.length).toBeGreaterThan(10_000);
    expect(Buffer.byteLength(line)).toBeLessThan(65_000);
  });
});

describe('createSerialiser', () => {
  it('writes what toLine writes, for any points', () => {
    const serialise = createSerialiser();

    fc.assert(
      fc.property(fc.array(anyPoint, { minLength: 1, maxLength: 20 }), (points) => {
        const lines = serialise(points).toString();

        expect(lines).toBe(points.map((each) => `${toLine(each)}\n`).join(''));
      }),
      runs(2_000),
    );
  });

  it('knows every tag and every field', () => {
    const serialise = createSerialiser();
    const every: Point = {
      time: -1,
      tags: Object.fromEntries(TAGS.map((tag) => [tag, `${tag} 1`])),
      fields: Object.fromEntries(FIELDS.map((field, index) => [field, 10 ** index])),
    };
    const single = [...TAGS, ...TAGS].map((tag, index): Point => ({
      ...every,
      tags: { [tag]: index < TAGS.length ? 'one' : 'two' },
    }));

    const lines = serialise([every, ...single, every]).toString();

    expect(lines).toBe([every, ...single, every].map((each) => `${toLine(each)}\n`).join(''));
  });

  it('writes every count exactly', () => {
    const serialise = createSerialiser();
    const count = fc.oneof(
      fc.bigInt(0n, 2n ** 63n - 1n),
      fc.nat({ max: 2 ** 31 - 1 }).map(BigInt),
      fc.constantFrom(9n, 10n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n),
    );

    fc.assert(
      fc.property(count, (value) => {
        const images = value <= 2n ** 53n - 1n ? Number(value) : value;

        expect(serialise([{ ...point, fields: { images } }]).toString()).toContain(` images=${value}i `);
      }),
      runs(5_000),
    );
  });

  it('writes lines beyond the initial buffer', () => {
    const serialise = createSerialiser();
    const points = Array.from({ length: 50 }, (_, index) => ({
      ...point,
      tags: { user: `${index}-${'界'.repeat(20_000)}` },
    }));

    expect(serialise(points).toString()).toBe(points.map((each) => `${toLine(each)}\n`).join(''));
    expect(serialise([point]).toString()).toBe(`${toLine(point)}\n`);
  });
});
