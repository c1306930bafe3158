import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, describe, test } from 'vitest';
import { alertsLabelCommand } from '../../src/commands/alerts-label.ts';
import { alertsListCommand } from '../../src/commands/alerts-list.ts';
import { alertsShowCommand } from '../../src/commands/alerts-show.ts';
import { ConfigError } from '../../src/config/errors.ts';
import type { IncidentRow } from '../../src/ledger/incidents.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { ALERT } from '../../src/usage/catalogue.ts';
import { commandPlace, type CommandPlace, type Ended } from './place.ts';

const HOUR = 3600;
/** 2026-11-20 10:00 in Shanghai. */
const OPENED = Date.UTC(2026, 10, 20, 2) / 1000;
const NOW = Date.UTC(2026, 10, 21) / 1000;
const TAGS = { provider: 'ucloud', account: 'main', key: 'k1\u001b[2J' };
const OPEN: IncidentRow = {
  id: 'a-7f3k',
  job: 'ucloud',
  rule: 'spike_key',
  severity: 'page',
  tags: TAGS,
  opened: OPENED,
  last: OPENED + HOUR,
  value: 5_000_000,
  expected: 100_000,
  limit: 300_000,
  told: 5_000_000,
  text: 'key k1: 5 M tokens',
  related: [{ provider: 'ucloud', account: 'main' }],
};
const CORRECTED: IncidentRow = { ...OPEN, id: 'a-0002', closed: NOW - HOUR, reason: 'corrected' };
const OLD: IncidentRow = {
  ...OPEN,
  id: 'a-0001',
  opened: OPENED - 30 * 24 * HOUR,
  last: OPENED - 29 * 24 * HOUR,
  closed: OPENED - 28 * 24 * HOUR,
  reason: 'over',
};

function placeWith(...incidents: readonly IncidentRow[]): CommandPlace {
  const place = commandPlace();
  mkdirSync(place.data, { recursive: true });
  const ledger = openLedger(join(place.data, 'ledger.sqlite'));
  for (const incident of incidents) ledger.incidents.put(incident);
  ledger.close();
  return place;
}

const options = { now: () => NOW * 1000 };
const list = (place: CommandPlace, json = false): Promise<Ended> =>
  place.run((context) => alertsListCommand(context, { json }), [], options);
const show = (place: CommandPlace, id: string, json = false): Promise<Ended> =>
  place.run((context) => alertsShowCommand(context, { id, json }), [], options);

describe('tokentide alerts', () => {
  it('lists open incidents and those of the last seven days', async () => {
    const { code, out } = await list(placeWith(OPEN, CORRECTED, OLD));

    expect(code).toBe(0);
    expect(out.split('\n').slice(1, -1)).toEqual([
      expect.stringMatching(
        /^a-0002 +closed: corrected +page +spike_key +2026-11-20 10:00 +2026-11-20 11:00 /,
      ),
      expect.stringMatching(/^a-7f3k +open +page +spike_key .* - +key k1: 5 M tokens$/),
    ]);
  });

  it('prints them as JSON', async () => {
    const { out } = await list(placeWith(OPEN, OLD), true);

    expect(JSON.parse(out)).toEqual([OPEN]);
    expect(out).not.toContain('\u001b');
  });

  it('says that there are none', async () => {
    expect((await list(placeWith(OLD))).out).toBe('no incidents in the last seven days\n');
  });
});

describe('tokentide alerts show', () => {
  it('has the hours of the series from the store, with the verdicts', async () => {
    const place = placeWith(OPEN);
    const store = openSqliteStore(join(place.data, 'usage.sqlite'));
    const usage = { ...TAGS, bucket: '1h' };
    await store.write([
      { time: OPENED - HOUR, tags: { ...usage, model: 'm1' }, fields: { tokens: 90_000, requests: 9 } },
      { time: OPENED, tags: { ...usage, model: 'm1' }, fields: { tokens: 4_000_000, requests: 400 } },
      { time: OPENED, tags: { ...usage, model: 'm2' }, fields: { tokens: 1_000_000 } },
      { time: OPENED, tags: { ...usage, key: 'k2' }, fields: { tokens: 7 } },
      {
        measurement: ALERT.name,
        time: OPENED,
        tags: { ...TAGS, rule: 'spike_key', severity: 'page' },
        fields: { value: 5_000_000, expected: 100_000, limit: 300_000, state: 2 },
      },
    ]);
    await store.close();

    const { code, out } = await show(place, 'a-7f3k');
    const { hours } = JSON.parse((await show(place, 'a-7f3k', true)).out) as { hours: unknown };

    expect(code).toBe(0);
    expect(out).not.toContain('\u001b');
    expect(out).toContain('also in this incident: account ucloud/main\n');
    expect(out).toMatch(/^2026-11-20 10:00 +5,000,000 +400 +100,000 +300,000$/m);
    expect(hours).toEqual([
      { time: OPENED - HOUR, tokens: 90_000, requests: 9 },
      { time: OPENED, tokens: 5_000_000, requests: 400, expected: 100_000, limit: 300_000 },
    ]);
  });

  it('names the command that lists incidents if there is none with the id', async () => {
    await expect(show(placeWith(OPEN), 'a-none')).rejects.toThrow(ConfigError);
  });
});

test('tokentide alerts label keeps what was said, when, and of which size', async () => {
  const place = placeWith(OPEN);

  const { code } = await place.run(
    (context) => alertsLabelCommand(context, { id: 'a-7f3k', label: 'expected' }),
    [],
    options,
  );

  expect(code).toBe(0);
  expect(JSON.parse((await list(place, true)).out)).toEqual([
    { ...OPEN, label: { as: 'expected', at: NOW, value: 5_000_000 } },
  ]);
  expect((await list(place)).out).toMatch(/ expected +key k1/);
});
