import { describe, expect, it } from 'vitest';
import {
  calculate,
  evaluate,
  firing,
  NO_DATA,
  type Item,
  type Items,
  type RuleJson,
  type RuleQuery,
} from '../support/grafana-expressions.ts';
import type { Answer } from '../support/grafana-influx.ts';
import { render } from '../support/grafana-templates.ts';

const item = (value: number | null, labels: Record<string, string> = {}): Item => ({ labels, value });

/** What rules.test.ts relies on: the same results as Grafana's expressions. */
describe('math', () => {
  const number = (text: string, vars: Record<string, Items> = {}): unknown => {
    const items = calculate(text, new Map(Object.entries(vars)));
    return items === NO_DATA ? items : items.map(({ value }) => value);
  };

  it.each([
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['2 - 3 - 4', -5],
    ['-2 * 3', -6],
    ['1 > 0 && 0 || 1 > 2', 0],
    ['1 + 1 == 2', 1],
    ['abs(2 - 5) / 2', 1.5],
    ['!0 + !3', 1],
    ['1e3 * 0.5', 500],
  ])('%s is %d', (text, value) => {
    expect(number(text)).toEqual([value]);
  });

  it.each(['1 +', '(1', '1 2', 'max(1)', '1 & 2', '$A'])('%s is refused', (text) => {
    expect(() => number(text)).toThrow(/./);
  });

  it('joins items with equal labels or a part of them, and drops the others', () => {
    const key = { account: 'a', key: 'k' };
    const A = [item(6, key), item(9, { account: 'c', key: 'k' }), item(1, { account: 'd', key: 'x' })];
    const B = [item(2, { account: 'a' }), item(3, { account: 'b' })];

    expect(calculate('$A / $B', new Map(Object.entries({ A, B })))).toEqual([item(3, key)]);
  });

  it('joins single items with other labels too, without labels', () => {
    const A = [item(1, { account: 'a' })];
    const B = [item(1, { account: 'b' })];

    expect(calculate('$A + $B', new Map(Object.entries({ A, B })))).toEqual([item(2)]);
  });

  it('a comparison with NaN is NaN, unless && or || needs it no more', () => {
    expect(number('0 / 0 < 1')).toEqual([Number.NaN]);
    expect(number('1 && 0 / 0')).toEqual([Number.NaN]);
    expect(number('0 && 0 / 0')).toEqual([0]);
    expect(number('1 || 0 / 0')).toEqual([1]);
  });

  it('a missing number stays missing, a missing answer makes all missing', () => {
    expect(number('$A + 1', { A: [item(null)] })).toEqual([null]);
    expect(number('$A + 1', { A: NO_DATA })).toBe(NO_DATA);
  });
});

describe('a rule', () => {
  const query = (refId: string): RuleQuery => ({
    refId,
    datasourceUid: 'tokentide',
    model: { query: refId },
  });
  const expression = (refId: string, model: RuleQuery['model']): RuleQuery => ({
    refId,
    datasourceUid: '__expr__',
    model,
  });
  const rule = (noDataState: string, ...data: RuleQuery[]): RuleJson => ({
    uid: 'rule',
    title: 'Rule',
    condition: data.at(-1)!.refId,
    data,
    noDataState,
    execErrState: 'Error',
    labels: {},
    annotations: {},
  });
  const last = (refId: string, of: string): RuleQuery =>
    expression(refId, { type: 'reduce', expression: of, reducer: 'last', settings: { mode: 'dropNN' } });
  const answer = (...values: (number | null)[]): Answer => ({
    series: values.map((value, index) => ({
      name: 'm',
      tags: { key: `k${index}` },
      columns: ['time', 'x'],
      values: [
        [1, 5],
        [2, value],
      ],
    })),
  });
  const above = expression('FIRES', {
    type: 'threshold',
    expression: 'NOW',
    conditions: [{ evaluator: { type: 'gt', params: [10] } }],
  });

  it('fires for the series above the limit, by their last number', async () => {
    const above10 = rule('OK', query('A'), last('NOW', 'A'), above);

    const instances = await evaluate(above10, () => Promise.resolve(answer(11, null, 10)));

    expect(firing(above10, instances)).toEqual([
      { labels: { key: 'k0' }, state: 'Alerting', values: { NOW: 11, FIRES: 1 } },
    ]);
    expect(instances).toHaveLength(3);
  });

  it.each([
    ['OK', 0],
    ['Alerting', 1],
  ])('without an answer to one of its queries is %s', async (state, fires) => {
    const two = rule(state, query('A'), query('B'), last('NOW', 'A'), above);

    const instances = await evaluate(two, (text) =>
      Promise.resolve(text === 'A' ? answer(11) : { series: [] }),
    );

    expect(instances.map(({ state }) => state)).toEqual(['NoData']);
    expect(firing(two, instances)).toHaveLength(fires);
  });

  it('fires where its condition is not a number', async () => {
    const nan = rule(
      'OK',
      query('A'),
      last('NOW', 'A'),
      expression('FIRES', { type: 'math', expression: '$NOW / 0 - $NOW / 0' }),
    );

    expect(firing(nan, await evaluate(nan, () => Promise.resolve(answer(1))))).toHaveLength(1);
  });

  it('with an error in a query is an error', async () => {
    const broken = rule('OK', query('A'), last('NOW', 'A'), above);

    await expect(
      evaluate(broken, () => Promise.resolve({ error: 'parse error', series: [] })),
    ).rejects.toThrow('parse error');
  });
});

describe('a template', () => {
  const put = (
    template: string,
    labels: Record<string, string> = {},
    values: Record<string, number> = {},
  ): string => render(template, { labels, values });

  it.each([
    ['{{ humanize $values.NOW.Value }}', '12.78M'],
    ['{{ $values.NOW.Value | humanize }}', '12.78M'],
    ['{{ printf "%.0f" $values.NOW.Value }}', '12779122'],
    ['{{ humanizeDuration $values.AGE.Value }}', '1d 2h 3m 4s'],
    ['{{ humanizePercentage $values.SHARE.Value }}', '12.35%'],
    ['{{ humanize $values.SHARE.Value }}', '123.5m'],
    ['{{ if $values.NOW }}a{{ else }}b{{ end }}', 'a'],
    ['{{ if $values.THEN }}a{{ else }}b{{ end }}', 'b'],
    ['{{ if $labels.none }}a{{ else if $labels.key }}{{ $labels.key }}{{ else }}c{{ end }}', 'k 1&'],
    ['{{ externalURL }}d/x?k={{ urlquery $labels.key }}', 'http://localhost:3000/d/x?k=k+1%26'],
    ['{{ $labels.key | urlquery }}', 'k+1%26'],
    ['{{ $labels.none }}', '[no value]'],
    ['{{ printf "%.0f" $labels.none }}', '%!f(<nil>)'],
  ])('%s', (template, expected) => {
    expect(put(template, { key: 'k 1&' }, { NOW: 12_779_122, AGE: 93_784, SHARE: 0.12345 })).toBe(expected);
  });

  it.each(['{{ $values.THEN.Value }}', '{{ if $labels.a }}', '{{ end }}', '{{ query "x" }}', '{{ $labels.a'])(
    '%s is refused',
    (template) => {
      expect(() => put(template)).toThrow(/./);
    },
  );
});
