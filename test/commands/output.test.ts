import { expect, test } from 'vitest';
import { ProviderDown } from '../../src/collect/poll/batches.ts';
import { formatCount, formatJson, formatTable, printError } from '../../src/commands/output.ts';
import { ConfigError } from '../../src/config/errors.ts';
import { FetchError } from '../../src/fetch/errors.ts';
import { Secret } from '../../src/lib/secret.ts';
import { LedgerError } from '../../src/ledger/database.ts';
import { StoreError } from '../../src/store/store.ts';

test('a table has aligned columns, right-aligned numbers, no colours and no trailing spaces', () => {
  const text = formatTable(
    [{ title: 'model' }, { title: 'tokens', align: 'right' }, { title: 'note' }],
    [
      ['deepseek', '12', ''],
      ['豆包', '1,234,567', 'x'],
    ],
  );

  expect(text).toBe(
    ['model        tokens  note', 'deepseek         12', '豆包      1,234,567  x', ''].join('\n'),
  );
});

test.each([
  [0, '0'],
  [1234, '1,234'],
  [2n ** 63n - 1n, '9,223,372,036,854,775,807'],
  [-5n, '-5'],
])('the count %s is formatted as %s', (count, text) => {
  expect(formatCount(count)).toBe(text);
});

test('JSON keeps every digit and no secret', () => {
  const text = formatJson({ count: 9007199254740993n, secret: new Secret('canary') });

  expect(text).toBe('{\n  "count": 9007199254740993,\n  "secret": "***"\n}\n');
});

test('JSON escapes what would change the display of a terminal, and stays exact', () => {
  const name = 'a\u001b[31m\u202eb\u2066\u009b\u2028\u{e0001}';

  const text = formatJson({ name });

  // eslint-disable-next-line no-control-regex
  expect(text).toMatch(/^[\x20-\x7e\n]+$/);
  expect(JSON.parse(text)).toEqual({ name });
});

const down = new FetchError('unavailable', 'no answer', { hint: 'Try later.' });

test.each([
  [
    'a configuration error',
    new ConfigError([{ file: 'a.yaml', line: 1, column: 2, message: 'm', hint: 'h' }, { message: 'n' }]),
    'a.yaml:1:2: m\n  h\nn\n',
    2,
  ],
  ['a provider', down, 'no answer\n  Try later.\n', 1],
  ['a provider behind a poll', new ProviderDown(down), 'no answer\n  Try later.\n', 1],
  ['a store', new StoreError('unavailable', 'refused', { hint: 'Start it.' }), 'refused\n  Start it.\n', 2],
  ['a ledger', new LedgerError('cannot be opened', 'Check it.'), 'cannot be opened\n  Check it.\n', 2],
  ['a signal', new DOMException('stopped by SIGINT', 'AbortError'), 'stopped by SIGINT\n', 1],
  ['a cancelled call', new FetchError('cancelled', 'GetUsage: cancelled'), 'stopped before completion\n', 1],
  ['a thrown string', 'oops', 'oops\n', 1],
])('%s is printed with its hint', (_, error, expected, exitCode) => {
  let text = '';

  const code = printError(error, (part) => void (text += part));

  expect(text).toBe(expected);
  expect(code).toBe(exitCode);
});

test('escape sequences and invisible characters never reach the terminal', () => {
  const model = 'gpt\u001b[31m-4\u202e\u001b]0;title\u0007\nmini';
  let text = '';

  const table = formatTable([{ title: 'model' }], [[model]]);
  printError(new FetchError('refused', model, { hint: model }), (part) => void (text += part));

  expect(table).toBe('model\ngpt-4 mini\n');
  expect(text).toBe('gpt-4\nmini\n  gpt-4\nmini\n');
});

test('a bug is printed with its stack', () => {
  let text = '';

  const code = printError(new TypeError('x is undefined'), (part) => void (text += part));

  expect(text).toMatch(/^TypeError: x is undefined\n {4}at .*output\.test\.ts/);
  expect(code).toBe(1);
});
