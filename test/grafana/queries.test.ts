import { afterAll, beforeAll, expect, it } from 'vitest';
import { USAGE } from '../../src/usage/catalogue.ts';
import type { Tag } from '../../src/usage/point.ts';
import { DAY } from '../../src/windows/units.ts';
import { FULL } from '../support/extent.ts';
import {
  companyAlerts,
  companyHealth,
  companyReconciliations,
  companyUsage,
  HURTING_NAMES,
  NOW,
} from '../support/grafana-company.ts';
import { ask, column, fill, rowsOf, type Answer } from '../support/grafana-influx.ts';
import { flatten, measurementOf, parseStatement, type Statement } from '../support/grafana-influxql.ts';
import { asStored, columnsOf, differs, groupsIn, sumOf, total, wrongSums } from '../support/grafana-truth.ts';
import { interpolate, openingChoices, type Choice, type View } from '../support/grafana-variables.ts';
import { BOARDS, panelsOf, queriesOf, type Board, type PlacedQuery } from '../support/grafana.ts';
import { describeWith, startInfluxd, type RealServer } from '../support/servers.ts';

/** Both languages have the same queries (lint.test.ts): one is enough. */
const boards = BOARDS.en;
const DAYS = FULL ? 40 : 16;
const written = companyUsage(DAYS);
const usage = asStored(written);

/** Choices on every dashboard, by name. */
const WITH_ALL_TAGS = usage.find(({ tags }) => tags.key === 'sk-1')!.tags;
const ONE = Object.fromEntries(
  Object.entries(WITH_ALL_TAGS)
    .filter(([tag]) => tag !== 'bucket')
    .map(([tag, value]) => [tag, [value]]),
);
const SEVERAL: Record<string, Choice> = {
  provider: ['sigcal', 'trae', 'volcengine-ark'],
  account: ['dev', 'lab'],
  job: ['sigcal-dev', 'trae-lab'],
  user: ['lin@example.com', 'zhao@example.com', 'chen@example.com'],
  model: ['gpt-5-mini', 'Doubao-Seed-2.0-Code', 'GLM-5.1'],
};
describeWith('influxd', 'the queries of the dashboards', () => {
  let influx: RealServer;
  beforeAll(async () => {
    influx = await startInfluxd();
    await fill(influx.url, 'usage', [
      ...written,
      ...companyHealth(DAYS),
      ...companyReconciliations(DAYS),
      ...companyAlerts(DAYS),
    ]);
  });
  afterAll(async () => {
    await influx?.close();
  });

  const send = (query: string): Promise<Answer> => ask(influx.url, 'usage', query, NOW);

  /** The dashboard with its variables set, over the last seven days unless told. */
  async function viewOf(board: Board, chosen: Record<string, Choice> = {}, days = 7): Promise<View> {
    const range = { from: (NOW - days * DAY) * 1_000, to: NOW * 1_000, interval: days > 50 ? '2h' : '1h' };
    const choices = await openingChoices(
      board,
      async ({ query }, others) => valuesOf(await send(interpolate(query, { ...range, choices: others }))),
      chosen,
    );
    return { ...range, choices };
  }

  /** Sends every query; what is wrong with the answers. */
  async function problemsOf(
    board: Board,
    view: View,
    check: (placed: PlacedQuery, answer: Answer) => string | false | Promise<readonly string[]>,
  ): Promise<string[]> {
    const problems: string[] = [];
    for (const placed of queriesOf(board)) {
      const answer = await send(interpolate(placed.query, view));
      const found = answer.error ?? (await check(placed, answer));
      problems.push(
        ...[found]
          .flat()
          .filter(Boolean)
          .map((problem) => `${placed.place}: ${String(problem)}`),
      );
    }
    return problems;
  }

  /** All others than the largest may be none: not every tag has many values. */
  const hasRows = ({ query }: PlacedQuery, answer: Answer): string | false =>
    rowsOf(answer) === 0 && !query.includes('!~ /^${top') && 'no rows';

  it.each(boards.map((board) => [board.file, board] as const))(
    '%s has rows everywhere when it opens',
    async (_, board) => {
      expect(await problemsOf(board, await viewOf(board), hasRows)).toEqual([]);
    },
  );

  const options = boards.flatMap((board) =>
    board.templating.list
      .filter(({ type }) => type === 'custom')
      .flatMap((variable) =>
        variable.options.map(({ value }) => [board.file, variable.name, value, board] as const),
      ),
  );
  it.each(sample(options, 13))('%s has rows everywhere with %s set to %s', async (_, name, value, board) => {
    const view = await viewOf(board, { [name]: value });

    expect(await problemsOf(board, view, hasRows)).toEqual([]);
  });

  /** Opens each dashboard with this choice; the numbers of all its queries on usage equal those of the points. */
  async function compare(board: Board, chosen: Record<string, Choice>, days = 7): Promise<number> {
    const view = await viewOf(board, chosen, days);
    let checked = 0;
    const problems = await problemsOf(board, view, async ({ query }, answer) => {
      const result = await wrongNumbers(query, view, answer);
      checked += result.checked;
      return result.problems;
    });
    expect(problems).toEqual([]);
    return checked;
  }

  async function wrongNumbers(
    query: string,
    view: View,
    answer: Answer,
  ): Promise<{ checked: number; problems: string[] }> {
    const root = query.startsWith('SELECT') ? parseStatement(query) : undefined;
    if (!root) return { checked: 0, problems: [] };
    if (root.inner.length === 0) return isSummed(root, view) ? wrongSums(usage, root, view, answer) : NOTHING;
    const results = [wrongAggregate(root, view, answer)];
    for (const inner of flatten(root).filter((statement) => isSummed(statement, view)))
      results.push(wrongSums(usage, inner, view, await send(interpolate(inner.text, view))));
    return {
      checked: total(results.map(({ checked }) => checked)),
      problems: results.flatMap(({ problems }) => problems),
    };
  }

  /** The largest sums, how many groups there are, and sums over several sub-queries. */
  function wrongAggregate(root: Statement, view: View, answer: Answer): typeof NOTHING {
    if (root.inner.length > 1) return wrongTotals(root, view, answer);
    const [inner] = root.inner;
    if (root.inner.length !== 1 || !inner || !isSummed(inner, view)) return NOTHING;
    const select = interpolate(root.text.replace('FROM ()', ''), view);
    const sums = groupsIn(usage, inner, view)
      .map((group) => sumOf(group, columnsOf(inner, view)[0]!.parts[0]!))
      .filter((sum) => sum !== undefined)
      .toSorted((a, b) => b - a);
    const [, count, named] = /top\("t", "[^"]+", (\d+)\)(?: AS "(\w+)")?/.exec(select) ?? [];
    if (count !== undefined) {
      const wrong = differs(column(answer, named ?? 'top'), sums.slice(0, Number(count)));
      return { checked: 1, problems: wrong === undefined ? [] : [wrong] };
    }
    const [, counted] = /count\("\w+"\)(?: AS "(\w+)")?/.exec(select) ?? [];
    if (counted === undefined) return NOTHING;
    const wrong = differs(column(answer, counted), sums.length === 0 ? [] : [sums.length]);
    return { checked: 1, problems: wrong === undefined ? [] : [wrong] };
  }

  /** Sums over several sub-queries, of which some have the column and others 0. */
  function wrongTotals(root: Statement, view: View, answer: Answer): typeof NOTHING {
    const names = [...root.text.matchAll(/sum\("(\w+)"\) AS "(\w+)"/g)].filter(
      ([, from, name]) => from === name,
    );
    const problems: string[] = [];
    let checked = 0;
    for (const [, name] of names) {
      const parts = root.inner
        .filter((inner) => isSummed(inner, view))
        .map((inner) => ({ inner, column: columnsOf(inner, view).find((each) => each.name === name) }))
        .filter(({ column }) => column !== undefined);
      if (parts.length === 0) continue;
      const expected = total(
        parts.flatMap(({ inner, column }) =>
          groupsIn(usage, inner, view).map((group) => sumOf(group, column!.parts[0]!) ?? 0),
        ),
      );
      checked++;
      const shown = total(column(answer, name!));
      if (shown !== expected) problems.push(`${name}: ${shown}, not ${expected}`);
    }
    return { checked, problems };
  }

  it.each(boards.map((board) => [board.file, board] as const))(
    '%s shows the sums of what was written',
    async (_, board) => {
      const checked = await compare(board, {});
      const summing = queriesOf(board).filter(
        ({ query }) => query.includes(USAGE.name) && /SELECT sum\(/.test(query),
      );

      expect(checked).toBeGreaterThanOrEqual(summing.length);
    },
  );

  it.each(boards.map((board) => [board.file, board] as const))(
    '%s shows them with one value of every variable',
    async (_, board) => {
      await compare(board, ONE);
    },
  );

  it.each(boards.map((board) => [board.file, board] as const))(
    '%s shows them with several values, and in days',
    async (_, board) => {
      await compare(board, SEVERAL);
      if (FULL) await compare(board, { bucket: '1d' }, 30);
    },
  );

  const tags = ['user', 'key', 'model', 'account', 'project'];
  const ofPeople = boards.filter(({ templating }) => templating.list.some(({ name }) => name === 'user'));
  const names = ofPeople.flatMap((board) =>
    tags.flatMap((tag) => HURTING_NAMES.map((name) => [board.file, tag, name, board] as const)),
  );

  it.each(sample(names, 97))('%s shows them with the %s %s', async (_, tag, name, board) => {
    await compare(board, { [tag]: [name] });
  });

  it.each(ofPeople.map((board) => [board.file, board] as const))(
    '%s shows them with all hurting names at once',
    async (_, board) => {
      for (const tag of FULL ? tags : ['user', 'key']) await compare(board, { [tag]: HURTING_NAMES });
    },
  );

  it.each(boards.map((board) => [board.file, board] as const))(
    '%s: the largest by name and the others are all of the filter',
    async (_, board) => {
      for (const chosen of [{}, { provider: ['sigcal', 'trae'] }]) {
        const view = await viewOf(board, chosen);
        for (const [panel, [named, others]] of splits(board)) {
          const statement = parseStatement(others!);
          const all = { ...statement, text: withoutTop(statement.text) };
          if (columnsOf(all, view).length === 0) continue;
          const expected = groupsIn(usage, all, view).map((group) =>
            sumOf(group, columnsOf(all, view)[0]!.parts[0]!)!,
          );
          const parts = await Promise.all([named!, others!].map((query) => send(interpolate(query, view))));
          const shown = total(parts.flatMap((part) => column(part, columnsOf(all, view)[0]!.name)));

          expect(shown, panel).toBe(total(expected));
          expect(shown, panel).toBeGreaterThan(0);
        }
      }
    },
  );

  it.each(boards.map((board) => [board.file, board] as const))(
    '%s: the number before is that of the range of the same length before',
    async (_, board) => {
      const view = await viewOf(board);
      const earlier = { ...view, from: 2 * view.from - view.to, to: view.from - 1 };
      for (const { title, targets = [] } of panelsOf(board)) {
        const [now, before] = ['now', 'before'].map(
          (name) => targets.find(({ query }) => isOf(name, query))?.query,
        );
        if (now === undefined || before === undefined) continue;
        const [shown, expected] = [
          column(await send(interpolate(before, view)), 'before'),
          column(await send(interpolate(now, earlier)), 'now'),
        ];

        expect(shown, title).toEqual(expected);
        expect(shown, title).toHaveLength(1);
      }
    },
  );

  it.each(boards.map((board) => [board.file, board] as const))(
    '%s: the values by name are the largest',
    async (_, board) => {
      const view = await viewOf(board);
      for (const { name, query, multi, allValue } of board.templating.list) {
        if (!multi || allValue !== undefined) continue;
        const totals = flatten(parseStatement(query)).at(-1)!;
        const [, tag, count] = /\("t", "(\w+)", (\d+)\)/.exec(interpolate(query, view))!;
        const largest = groupsIn(usage, totals, view)
          .map((group) => ({ of: group[0]!.tags[tag as Tag], sum: sumOf(group, 'tokens') ?? 0 }))
          .toSorted((a, b) => b.sum - a.sum)
          .slice(0, Number(count));

        expect(new Set(view.choices[name] as string[]), name).toEqual(new Set(largest.map(({ of }) => of)));
      }
    },
  );

  it('the hurting names are stored as they are compared', async () => {
    const { series } = await send('SHOW TAG VALUES FROM "llm_token_usage" WITH KEY = "user"');

    expect(series[0]!.values.map(([, value]) => value)).toEqual(expect.arrayContaining(HURTING_NAMES));
  });
});

const NOTHING: { checked: number; problems: string[] } = { checked: 0, problems: [] };

const isSummed = (statement: Statement, view: View): boolean =>
  measurementOf(statement) === USAGE.name && columnsOf(statement, view).length > 0;

/** Values of a query variable: every text, or the numbers where there are none. */
function valuesOf({ series }: Answer): string[] {
  const values = series.flatMap(({ columns, values }) =>
    values.map((row) => row[columns.includes('value') ? columns.indexOf('value') : 1]),
  );
  return [...new Set(values.filter((value) => value !== null && value !== undefined).map(String))];
}

/** Whether the one column of a query has this name. */
const isOf = (name: string, query: string): boolean =>
  parseStatement(query).text.includes(` AS "${name}" FROM`);

/** Panels with a query of the largest by name and one of all others. */
function splits(board: Board): [panel: string, queries: string[]][] {
  return panelsOf(board)
    .map(({ title, targets = [] }): [string, string[]] => {
      const queries = targets.map(({ query }) => query).filter((query) => query.includes('{top'));
      return [title, queries.toSorted((a, b) => Number(a.includes('!~')) - Number(b.includes('!~')))];
    })
    .filter(([, queries]) => queries.some((query) => query.includes('!~')));
}

/** The conditions on a top variable taken out. */
function withoutTop(text: string): string {
  return text.replaceAll(/ AND \("[^"]+" !~ \/\^\$\{top\w*:regex\}\$\/ OR "[^"]+" = ''\)/g, '');
}

/** All in `npm run test:full`, every `nth` else. */
function sample<T>(all: readonly T[], nth: number): T[] {
  return FULL ? [...all] : all.filter((_, index) => index % nth === 0);
}
