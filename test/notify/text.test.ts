import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  escapeHtml,
  escapeSlack,
  fit,
  markdownLinks,
  plainInMarkdown,
  utf8Bytes,
  webLinks,
} from '../../src/notify/text.ts';
import { EVIL } from '../support/notify-message.ts';

const anyText = fc.string({ unit: 'binary', maxLength: 200 });

describe('a text that is too long', () => {
  it.each([
    ['用量告警', 12, '用量告警'],
    ['用量告警', 11, '用量…'],
    ['用量告警', 8, '用…'],
    ['ab🚀🚀', 10, 'ab🚀🚀'],
    ['ab🚀🚀', 9, 'ab🚀…'],
    ['ab🚀🚀', 8, 'ab…'],
    // A family is one character of 25 bytes.
    ['👨‍👩‍👧‍👦👨‍👩‍👧‍👦', 49, '👨‍👩‍👧‍👦…'],
    ['👨‍👩‍👧‍👦👨‍👩‍👧‍👦', 27, '…'],
    ['', 5, ''],
  ])('%s is cut at %i bytes between characters', (text, max, expected) => {
    expect(fit(text, max)).toBe(expected);
  });

  it('is never longer than the limit, and is the start of the text', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 3, max: 300 }), (text, max) => {
        const cut = fit(text, max);
        expect(utf8Bytes(cut)).toBeLessThanOrEqual(max);
        if (cut !== text) expect(text.startsWith(cut.slice(0, -1))).toBe(true);
      }),
    );
  });

  it('may be measured in another way', () => {
    expect(fit('a<<<b', 5, (text) => escapeSlack(text).length)).toBe('a…');
    expect(fit('a<<<b', 6, (text) => escapeSlack(text).length)).toBe('a<…');
  });
});

describe('a line in the markdown of a chat robot', () => {
  it('stays text and mentions nobody, whatever a user is called', () => {
    expect(plainInMarkdown(EVIL.replace('\n', ' '))).toBe(
      '［x］(http:／／evil) ＜b＞ ＠all ＊＊ ＜!channel＞ ＜＠U12345＞ ＜at id=all＞＜/at＞ ｀c｀ ＊:smile: ＿i＿ ＆ "q" # h',
    );
  });

  it.each([
    'zhang.wei@example.com',
    'doubao-seed-1.6_pro',
    'ark-7f_2 used 1,234.5 tokens (limit 500,000) + 3 = 20 %',
    '模型 deepseek-v3 用量 1,234,567',
  ])('keeps %s as it is', (line) => {
    expect(plainInMarkdown(line)).toBe(line);
  });

  it.each(['# heading', '- item', '+ item', '> quote', '=== underline', '![image](x)'])(
    'does not begin with markup: %s',
    (line) => {
      expect(plainInMarkdown(line)[0]).not.toBe(line[0]);
    },
  );

  it('never holds a character that begins markup', () => {
    fc.assert(
      fc.property(anyText, (line) => {
        expect(plainInMarkdown(line)).not.toMatch(/[*`~[\]<>\\|]|:\/\/|(^|[^\p{L}\p{N}])[_@]/u);
      }),
    );
  });
});

describe('a link', () => {
  it('is left out unless it leads to a web page', () => {
    const urls = ['javascript:alert(1)', 'data:text/html,x', 'not a url', 'https://example.com/'];

    expect(webLinks(urls.map((url) => ({ label: 'x', url }))).map(({ url }) => url)).toEqual([
      'https://example.com/',
    ]);
  });

  it('cannot be ended by its address or its label', () => {
    const [link] = markdownLinks([{ label: 'a](b', url: 'https://example.com/x)[y](z) <i>|"\'' }]);

    expect(link).toBe('[a］(b](https://example.com/x%29[y]%28z%29%20%3Ci%3E%7C%22%27)');
  });

  it('is left out if its address is too long to fit, and so is the fourth one', () => {
    const long = { label: 'long', url: `https://example.com/${'x'.repeat(700)}` };
    const short = { label: '详情'.repeat(100), url: 'https://example.com/' };

    const links = webLinks([long, short, short, short, short]);

    expect(links.map(({ url }) => url)).toEqual(Array(3).fill('https://example.com/'));
    expect(links.every(({ label }) => utf8Bytes(label) <= 90)).toBe(true);
  });
});

it('HTML and Slack get their own escapes', () => {
  expect(escapeHtml(`<b>&"'`)).toBe('&lt;b&gt;&amp;&quot;&#39;');
  expect(escapeSlack('<!here> & <@U1> *b*')).toBe('&lt;!here&gt; &amp; &lt;@U1&gt; *b*');
});
