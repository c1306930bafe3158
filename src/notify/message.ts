import { displayText } from '../lib/display-text.ts';
import type { Severity } from '../usage/catalogue.ts';

export const LANGUAGES = ['en', 'zh-CN'] as const;
export type Language = (typeof LANGUAGES)[number];

export interface Link {
  readonly label: string;
  readonly url: string;
}

/** What a channel sends: plain text without any markup, in the language of the channel. */
export interface Message {
  /** Unique, and the same when the message is sent again. */
  readonly id: string;
  /** Messages of one incident form a thread; a closed message ends what an open one began. */
  readonly incident: string;
  readonly state: 'open' | 'closed';
  readonly severity: Severity;
  readonly language: Language;
  /** The kind of alert: `spike`, `test`. */
  readonly rule: string;
  readonly title: string;
  /** Each is shown as one line: a line break inside becomes a space. */
  readonly lines: readonly string[];
  readonly links: readonly Link[];
  /** The tags of the series: `provider`, `account`, `user`. A channel may be for some teams only. */
  readonly tags: Readonly<Record<string, string>>;
  /** When the incident began, Unix seconds. */
  readonly start: number;
}

const WORDS: Readonly<Record<Language, Readonly<Record<Severity | 'closed', string>> & { colon: string }>> = {
  en: { page: 'alert', notice: 'notice', closed: 'resolved', colon: ': ' },
  'zh-CN': { page: '告警', notice: '提示', closed: '已恢复', colon: '：' },
};

/** `tokentide alert: title`. The name is in it for robots that require a keyword. */
export function headingOf(message: Message): string {
  return displayText(`tokentide ${stateWord(message)}${message.title}`);
}

/** `alert: ` */
export function stateWord({ language, state, severity }: Message): string {
  const words = WORDS[language];
  return `${words[state === 'closed' ? 'closed' : severity]}${words.colon}`;
}

/** The lines, each without line breaks and control characters; empty ones are omitted. */
export function linesOf({ lines }: Message): string[] {
  return lines.map((line) => displayText(line).trim()).filter((line) => line !== '');
}

/** The most people that a channel mentions: their names have to fit in a message. */
export const MOST_MENTIONS = 20;

/** Whether to mention people: nobody is called for a notice, or for an incident that is over. */
export function mentions({ severity, state }: Message): boolean {
  return severity === 'page' && state === 'open';
}
