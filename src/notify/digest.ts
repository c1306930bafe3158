import { displayText } from '../lib/display-text.ts';
import { mentions, stateWord, type Language, type Link, type Message } from './message.ts';
import { fit } from './text.ts';

/** Incidents that a message lists; the others are counted. */
const MOST_INCIDENTS = 10;
const TITLE_BYTES = 300;

const TEXTS: Readonly<
  Record<Language, { readonly title: (open: number, closed: number) => string; more: (n: number) => string }>
> = {
  en: {
    title: (open, closed) =>
      [`${open + closed} incidents`, ...(closed > 0 ? [`${closed} of them resolved`] : [])].join(', '),
    more: (count) => `and ${count} more`,
  },
  'zh-CN': {
    title: (open, closed) =>
      [`${open + closed} 个事件`, ...(closed > 0 ? [`其中 ${closed} 个已恢复`] : [])].join('，'),
    more: (count) => `另有 ${count} 个`,
  },
};

/** Messages that wait for one channel, as one: the last one of each incident, in their order. */
export function digestOf(messages: readonly Message[]): Message {
  const latest = [...new Map(messages.map((message) => [message.incident, message])).values()];
  const [first] = latest as [Message];
  if (latest.length === 1) return first;
  const called = latest.some(mentions);
  const open = latest.filter(({ state }) => state === 'open');
  const { language } = first;
  const texts = TEXTS[language];
  // What people are called for is listed first.
  const ordered = [...latest.filter(mentions), ...latest.filter((each) => !mentions(each))];
  const listed = ordered.slice(0, MOST_INCIDENTS);
  const id = `digest-${messages[0]!.id}-${messages.at(-1)!.id}`;
  return {
    id,
    incident: id,
    state: open.length > 0 ? 'open' : 'closed',
    severity: called ? 'page' : 'notice',
    language,
    rule: 'digest',
    title: texts.title(open.length, latest.length - open.length),
    lines: [
      ...listed.map((message) => lineOf(message)),
      ...(latest.length > listed.length ? [texts.more(latest.length - listed.length)] : []),
    ],
    links: commonLinks(listed),
    tags: {},
    start: Math.min(...latest.map(({ start }) => start)),
  };
}

function lineOf(message: Message): string {
  return `${stateWord(message)}${fit(displayText(message.title), TITLE_BYTES)}`;
}

/** A link of a single incident would be taken for that of all. */
function commonLinks(messages: readonly Message[]): readonly Link[] {
  const [first, ...others] = messages as [Message, ...Message[]];
  return first.links.filter(({ url }) => others.every(({ links }) => links.some((link) => link.url === url)));
}
