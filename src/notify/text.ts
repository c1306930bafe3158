import { displayText } from '../lib/display-text.ts';
import type { Link } from './message.ts';

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });
const ELLIPSIS = '…';

/** The length in bytes of UTF-8, as most limits count. */
export function utf8Bytes(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** The longest start of a text whose size is at most `max`, cut between characters, with an ellipsis where it is cut. */
export function fit(text: string, max: number, size: (text: string) => number = utf8Bytes): string {
  if (size(text) <= max) return text;
  // A character takes at least one byte, so the rest does not have to be segmented.
  const characters = Array.from(graphemes.segment(text.slice(0, max)), ({ segment }) => segment);
  const start = (count: number): string => characters.slice(0, count).join('') + ELLIPSIS;
  let [fits, tooLong] = [0, characters.length + 1];
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2);
    if (size(start(middle)) <= max) fits = middle;
    else tooLong = middle;
  }
  return start(fits);
}

/** Characters that begin or end markup, and their full-width forms. */
const FULL_WIDTH: Readonly<Record<string, string>> = {
  '*': '＊',
  '`': '｀',
  '~': '～',
  '[': '［',
  ']': '］',
  '<': '＜',
  '>': '＞',
  '\\': '＼',
  '&': '＆',
  '|': '｜',
  _: '＿',
  '@': '＠',
  '#': '＃',
  '-': '－',
  '+': '＋',
  '=': '＝',
  '!': '！',
  '://': ':／／',
};

/**
 * Markup wherever it is; underscores and @ unless they are inside a word, as in a model name or an e-mail address; what
 * is markup at the start of a line only; the part of an address that makes it a link.
 */
const MARKUP = /[*`~[\]<>\\&|]|!(?=\[)|(?<![\p{L}\p{N}])[_@]|_(?![\p{L}\p{N}])|^[-#+=]|:\/\//gu;

/**
 * One line as text in the markdown of a chat robot. DingTalk and WeCom document a subset of markdown and no escape
 * character, so characters that would be markup are replaced by their full-width forms.
 */
export function plainInMarkdown(line: string): string {
  return line.replaceAll(MARKUP, (found) => FULL_WIDTH[found] ?? found);
}

const HTML: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => HTML[character] ?? character);
}

/** Slack asks to escape these three and no others: https://docs.slack.dev/messaging/formatting-message-text */
export function escapeSlack(text: string): string {
  return text.replaceAll(/[&<>]/g, (character) => HTML[character] ?? character);
}

const MOST_LINKS = 3;
const LABEL_BYTES = 90;
const URL_BYTES = 700;

/** Links to web pages, without characters that end a link in markup, and few enough to fit in any message. */
export function webLinks(links: readonly Link[]): Link[] {
  const usable = links.flatMap(({ label, url }) => {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) return [];
    const encoded = new URL(url).href.replaceAll(/[()<>|\s'"\\*_`]/g, percentEncoded);
    return utf8Bytes(encoded) > URL_BYTES
      ? []
      : [{ label: fit(displayText(label), LABEL_BYTES), url: encoded }];
  });
  return usable.slice(0, MOST_LINKS);
}

/** Links in the markdown of a chat robot. */
export function markdownLinks(links: readonly Link[]): string[] {
  return webLinks(links).map(({ label, url }) => `[${fit(plainInMarkdown(label), LABEL_BYTES)}](${url})`);
}

function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
