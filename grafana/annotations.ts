import { ALERT, USAGE } from '../src/usage/catalogue.ts';
import { NEUTRAL, WARNING } from './colours.ts';
import type { Annotation } from './dashboard.ts';
import { BUCKET, matches, name, RANGE, select } from './influxql.ts';
import { text } from './text.ts';

const MARKED = ['rule', 'severity', 'account'];

/**
 * The verdicts of alert rules: the largest of each rule and account in a step, at its own time. An incident has one
 * for each hour, and a year of them would hide the charts. Those that were closed stay out.
 */
export const ALERTS: Annotation = {
  name: text('Alerts', '告警'),
  color: WARNING,
  query: select({
    columns: ['"value"', '"limit"', ...MARKED.map(name)],
    from: [
      select({
        columns: ['top("value", 1) AS "value"', '"limit"'],
        from: ALERT,
        where: [matches('provider'), matches('account'), '"state" > 0', RANGE],
        by: MARKED,
        step: '$__interval',
        fill: 'none',
      }),
    ],
  }),
  mappings: {
    title: { source: 'field', value: 'severity' },
    text: { source: 'field', value: 'rule' },
    tags: { source: 'field', value: 'account' },
  },
};

/** Marks where the bucket begins that still grows; nothing where the range ends in the past. */
export const OPEN_BUCKET: Annotation = {
  name: text('Open bucket', '未结束的时间段'),
  color: NEUTRAL,
  query: select({
    columns: ['last("tokens") AS "tokens"'],
    from: USAGE,
    where: [BUCKET, 'time > now() - $bucket AND time <= now()'],
  }),
  mappings: {
    title: { source: 'text', value: text('still open', '尚未结束') },
    text: {
      source: 'text',
      value: text('What starts here grows with each poll.', '从此处开始的时间段会随每次轮询增长。'),
    },
  },
};
