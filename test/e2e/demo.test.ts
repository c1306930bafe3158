import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { page } from '../support/markdown.ts';
import { until, type Running } from '../support/process.ts';
import { expectComplaint } from './support/complaint.ts';
import { createPlace } from './support/place.ts';
import { VENDORS } from './support/vendor.ts';

type Row = readonly [name: string, input: number, output: number, all: number];

/** The rows of a printed table: their names, and the three numbers that end each line. */
function tableAfter(text: string, title: string): Row[] {
  const [, ...lines] = text.slice(text.indexOf(title)).split('\n');
  return lines.slice(1, lines.indexOf('')).map((line) => {
    const words = line.split(/ {2,}/);
    const [input, output, all] = words.slice(-3).map((word) => Number(word.replaceAll(',', '')));
    return [words.slice(0, -3).join(' '), input!, output!, all!];
  });
}

/** The lines of a text without the figures and the widths of columns. */
function withoutFigures(text: string): string[] {
  return text.split('\n').map((line) => line.replaceAll(/\d[\d,.]*/g, '0').replaceAll(/ +/g, ' '));
}

function untilSummary(demo: Running): Promise<boolean> {
  return until('the summary is printed', () => demo.stdout.includes('--env-file'), { by: demo });
}

describe('tokentide demo', () => {
  test('prints tables that add up, stays up until Ctrl-C, and touches no real data', async () => {
    const place = createPlace();
    mkdirSync(place.data);
    const real = { 'usage.sqlite': 'real points', 'ledger.sqlite': 'real ledger' };
    for (const [name, text] of Object.entries(real)) writeFileSync(join(place.data, name), text);
    const store = {
      INFLUX_HOST: 'http://127.0.0.1:1',
      INFLUX_TOKEN: 'real-token',
      TOKENTIDE_STORE: 'influxdb',
    };

    const demo = place.start(['demo'], store);
    await untilSummary(demo);
    const url = /(http:\S+)\/metrics/.exec(demo.stdout)![1]!;
    const { status } = await fetch(`${url}/healthz`);
    demo.kill('SIGINT');
    const { code, stdout, stderr } = await demo.ended;

    expect([code, stderr, status]).toEqual([0, '', 200]);
    expect(stdout).toMatch(/^\n {2}tokentide demo: simulated providers on this machine, made-up usage/);
    expect(stdout).toMatch(/\nstopped\n$/);
    const sample = page('README.md').blocks.find((block) => block.includes('tokentide demo:'))!;
    expect(withoutFigures(stdout)).toEqual(
      expect.arrayContaining(withoutFigures(sample).filter((line) => line !== '...')),
    );
    const byProvider = tableAfter(stdout, 'Tokens by provider');
    const byModel = tableAfter(stdout, 'Tokens by model');
    expect(byProvider.map(([name]) => name).toSorted()).toEqual(VENDORS.toSorted());
    for (const [name, input, output, all] of [...byProvider, ...byModel]) {
      expect([name, input > 0, output > 0, all]).toEqual([name, true, true, input + output]);
    }
    for (const [provider, , , all] of byProvider) {
      const models = byModel.filter(([name]) => name.startsWith(`${provider} `));
      expect([provider, models.reduce((sum, row) => sum + row[3], 0)]).toEqual([provider, all]);
    }
    for (const [name, text] of Object.entries(real)) {
      expect(readFileSync(join(place.data, name), 'utf8')).toBe(text);
    }
    expect(readdirSync(place.data).toSorted()).toEqual(['demo', ...Object.keys(real).toSorted()]);
  });

  test('the commands that it names work on its data', async () => {
    const place = createPlace();
    const demo = place.start(['demo']);
    await untilSummary(demo);
    const commands = [...demo.stdout.matchAll(/tokentide -- (--data .*)$/gm)].map(([, args]) =>
      args!.split(' '),
    );

    const ended = await Promise.all(commands.map((args) => place.run(args)));

    expect(commands.map((args) => args.slice(6).join(' '))).toEqual([
      'status',
      'reconcile',
      'collect --json',
      'gaps',
    ]);
    expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(commands.map(() => [0, '']));
    expect(ended[3]!.stdout).toBe('no gaps\n');
  });

  test('a second one leaves the first alone', async () => {
    const place = createPlace();
    const first = place.start(['demo']);
    await untilSummary(first);

    const second = await place.run(['demo']);

    expectComplaint(
      second,
      /^another demo is using data\/demo$/,
      /^ {2}stop it, or set another folder with --data$/,
    );
    expect(existsSync(join(place.data, 'demo/usage.sqlite'))).toBe(true);
  });

  test('a folder that is not writable is an error with a hint', async () => {
    const place = createPlace();
    writeFileSync(join(place.folder, 'file'), '');

    const complaint = await place.run(['demo', '--data', 'file/x']);

    expectComplaint(
      complaint,
      /^cannot open the ledger file\/x\/demo\/ledger\.sqlite: /,
      /^ {2}Make the data folder writable/,
    );
  });

  test('Ctrl-C before it is done ends it without tables', async () => {
    const place = createPlace();
    const demo = place.start(['demo']);
    await until('the banner is printed', () => demo.stdout.includes('no network'), { by: demo });

    demo.kill('SIGINT');
    const { code, stderr, stdout } = await demo.ended;

    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/\nstopped\n$/);
  });
});
