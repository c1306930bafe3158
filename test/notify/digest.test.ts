import { expect, it } from 'vitest';
import { digestOf } from '../../src/notify/digest.ts';
import { headingOf, type Message } from '../../src/notify/message.ts';
import { messageOf } from '../support/notify-message.ts';

const incidents = (count: number, changes: Partial<Message> = {}): Message[] =>
  Array.from({ length: count }, (_, index) =>
    messageOf({ id: `m-${index}`, incident: `i-${index}`, title: `key k${index}`, ...changes }),
  );

it('one message is itself', () => {
  const [message] = incidents(1) as [Message];

  expect(digestOf([message])).toBe(message);
});

it('of an incident, only the newest message counts', () => {
  const [opened] = incidents(1) as [Message];
  const closed: Message = { ...opened, id: 'm-9', state: 'closed' };

  expect(digestOf([opened, closed])).toBe(closed);
});

it('ten incidents are listed and the others are counted', () => {
  const digest = digestOf(incidents(24, { severity: 'notice' }));

  expect(headingOf(digest)).toBe('tokentide notice: 24 incidents');
  expect(digest.lines).toEqual([
    ...Array.from({ length: 10 }, (_, index) => `notice: key k${index}`),
    'and 14 more',
  ]);
});

it('a page comes first, and makes the digest one', () => {
  const digest = digestOf([...incidents(11, { severity: 'notice' }), messageOf({ title: 'leaked key' })]);

  expect(digest).toMatchObject({ severity: 'page', state: 'open' });
  expect(digest.lines[0]).toBe('alert: leaked key');
});

it('what is over calls nobody', () => {
  const closed = digestOf(incidents(3, { state: 'closed', severity: 'page' }));
  const mixed = digestOf([
    messageOf({ incident: 'a', state: 'closed' }),
    messageOf({ incident: 'b', severity: 'notice' }),
  ]);

  expect([closed.state, headingOf(closed)]).toEqual([
    'closed',
    'tokentide resolved: 3 incidents, 3 of them resolved',
  ]);
  expect([mixed.state, mixed.severity]).toEqual(['open', 'notice']);
});

it('is in the language of the channel', () => {
  const digest = digestOf([
    ...incidents(11, { language: 'zh-CN' }),
    messageOf({ incident: 'z', language: 'zh-CN', state: 'closed' }),
  ]);

  expect(headingOf(digest)).toBe('tokentide 告警：12 个事件，其中 1 个已恢复');
  expect(digest.lines.at(-1)).toBe('另有 2 个');
});

it('has the links that all of them have', () => {
  const [both, own] = [
    { label: 'Runbook', url: 'https://g/d/runbooks' },
    { label: 'Explore', url: 'https://g/d/explore?var-key=k1' },
  ] as const;

  expect(
    digestOf([messageOf({ incident: 'a', links: [own, both] }), messageOf({ incident: 'b', links: [both] })])
      .links,
  ).toEqual([both]);
});

it('has the same id when the same messages are sent again, and another one otherwise', () => {
  const ids = [2, 2, 3].map((count) => digestOf(incidents(count)).id);

  expect(ids).toEqual(['digest-m-0-m-1', 'digest-m-0-m-1', 'digest-m-0-m-2']);
});

it('keeps a long title within a line', () => {
  const digest = digestOf([
    messageOf({ incident: 'a', title: 'x'.repeat(5000) }),
    messageOf({ incident: 'b' }),
  ]);

  expect(digest.lines[0]).toMatch(/^alert: x{290,}…$/);
});
