import type { Message } from '../../src/notify/message.ts';

/** A user name that would be a link, a tag, a mention and bold text where it is not escaped. */
export const EVIL =
  '[x](http://evil) <b> @all ** <!channel> <@U12345> <at id=all></at> `c` *:smile: _i_ & "q"\n# h';

export function messageOf(changes: Partial<Message> = {}): Message {
  return {
    id: 'm-1',
    incident: 'i-1',
    state: 'open',
    severity: 'page',
    language: 'en',
    rule: 'spike',
    title: 'key ark-7 used 1,234,567 tokens in an hour',
    lines: ['14:00-15:00: 1,234,567 tokens; usual 80,000 to 120,000; limit 500,000.', 'Team platform.'],
    links: [{ label: 'Dashboard', url: 'https://grafana.example.com/d/usage?var-key=ark-7' }],
    tags: { provider: 'volcengine-ark', account: 'default', key: 'ark-7', team: 'platform' },
    start: 1_767_225_600,
    ...changes,
  };
}
