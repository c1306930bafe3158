import { describe, expect, it, test } from 'vitest';
import { EARLY, HOUR, MIDNIGHT, RULES, office, usual, withSpike, type Office } from './office.ts';

const at = (hour: number): number => MIDNIGHT + hour * HOUR;

/** Incidents, without what names the process. */
function incidents({ ledger }: Office): unknown[] {
  return ledger.incidents.since(0).map(({ closed: _closed, ...incident }) => incident);
}

test('a key far above its usual is one incident that opens, closes after three quiet hours, and has a point per hour', async () => {
  const place = await office({ usage: withSpike('k1', [10, 11, 12]) });

  await place.pollHourly(8, 20);

  expect(place.errors).toEqual([]);
  expect(place.told()).toEqual([
    ['spike_key', 'k1', 'opened'],
    ['spike_key', 'k1', 'closed'],
  ]);
  const [incident] = place.ledger.incidents.since(0);
  expect(incident).toMatchObject({
    job: 'office',
    opened: at(10),
    last: at(13),
    closed: at(16 + EARLY),
    reason: 'over',
    tags: { provider: 'ucloud', account: 'main', key: 'k1' },
  });
  expect(incident!.id).toMatch(/^a-[0-9a-z]{4}$/);
  expect(incident!.value).toBeGreaterThan(5_000_000);
  expect(incident!.limit).toBeGreaterThan(incident!.expected);
  const points = place.alertPoints();
  expect(
    points.map(({ time, fields }) => [(time - MIDNIGHT) / HOUR, Math.min(1, Number(fields.state))]),
  ).toEqual([
    [10, 1],
    [11, 1],
    [12, 1],
    [15, 0],
  ]);
  expect(points[0]).toMatchObject({
    measurement: 'llm_token_alert',
    tags: { provider: 'ucloud', account: 'main', key: 'k1', rule: 'spike_key', severity: incident!.severity },
  });
});

test('the total that a key explains is part of its incident', async () => {
  const place = await office({ usage: withSpike('k1', [10, 11], 50_000_000) });

  await place.pollHourly(8, 12);

  expect(new Set(place.told().map(([rule]) => rule))).toEqual(new Set(['spike_key']));
  expect(place.ledger.incidents.since(0)[0]!.related).toEqual([{ provider: 'ucloud', account: 'main' }]);
});

describe('the open hour', () => {
  it('is proof as soon as a part of it is above the limit', async () => {
    const place = await office({ usage: withSpike('k1', [10], 20_000_000) });
    await place.pollHourly(8, 9);

    await place.poll(10.2);

    expect(place.told()).toEqual([['spike_key', 'k1', 'opened']]);
  });

  it('says nothing below the limit, and does not make an incident older', async () => {
    const place = await office({ usage: withSpike('k1', [10]) });
    await place.pollHourly(8, 11);
    for (const hour of [13.2, 13.5, 13.9]) await place.poll(hour);
    const before = place.told();

    await place.poll(14 + EARLY);

    expect(before).toEqual([['spike_key', 'k1', 'opened']]);
    expect(place.told()).toHaveLength(2);
  });
});

describe('corrected usage', () => {
  it('closes an incident that it dissolves, and takes back its points', async () => {
    const place = await office({ usage: withSpike('k1', [10]) });
    await place.pollHourly(8, 11);
    place.usage = usual;

    await place.poll(11.5);

    expect(place.told().map(([, , change]) => change)).toEqual(['opened', 'closed']);
    expect(place.events.at(-1)!.incident).toMatchObject({ reason: 'corrected', closed: at(11.5) });
    expect(place.alertPoints().map(({ fields }) => fields.state)).toEqual([0]);
  });

  it('raises an incident in an hour that has been judged', async () => {
    const place = await office();
    await place.pollHourly(8, 12);
    place.usage = withSpike('k2', [10]);

    await place.poll(12.5);

    expect(place.told()).toEqual([['spike_key', 'k2', 'opened']]);
    expect(place.events[0]!.incident.opened).toBe(at(10));
  });

  it('of the day before is judged like any other', async () => {
    const place = await office();
    await place.pollHourly(8, 30);
    place.usage = withSpike('k2', [16]);

    await place.poll(33 + EARLY, 24);

    expect(place.told().map(([, key, change]) => [key, change])).toEqual([
      ['k2', 'opened'],
      ['k2', 'closed'],
    ]);
  });
});

test('an unchanged poll judges and writes nothing', async () => {
  const place = await office({ usage: withSpike('k1', [10]) });
  await place.pollHourly(8, 12);
  await place.poll(12.1);
  const before = place.ledger.state.get('office', 'alerts');
  let writes = 0;
  const write = place.store.write.bind(place.store);
  place.store.write = (points) => {
    if (points.some(({ measurement }) => measurement !== undefined)) writes++;
    return write(points);
  };

  await place.poll(12.1);

  expect(writes).toBe(0);
  expect(place.ledger.state.get('office', 'alerts')).toBe(before);
});

describe('a restart', () => {
  const usage = withSpike('k3', [35, 36, 37], 8_000_000, withSpike('k1', [10, 11, 12, 15, 16]));
  const run = async (restarts: readonly number[]): Promise<Office> => {
    const place = await office({ usage });
    for (let hour = 8; hour < 60; hour++) {
      if (restarts.includes(hour)) await place.restart();
      // An hour is read again when it has more usage than before.
      await place.poll(hour + EARLY, hour % 5);
      await place.poll(hour + 0.6);
    }
    return place;
  };

  it.each([[[11]], [[13, 14]], [[33, 36, 59]]])(
    'at %j changes no incident, event or point',
    async (hours) => {
      const [without, withRestarts] = [await run([]), await run(hours)];

      expect(without.told().length).toBeGreaterThanOrEqual(4);
      expect(incidents(withRestarts)).toEqual(incidents(without));
      expect(withRestarts.told()).toEqual(without.told());
      expect(withRestarts.alertPoints()).toEqual(without.alertPoints());
    },
  );

  it('at the end of a week raises nothing again', async () => {
    const place = await office({ usage: withSpike('k1', [10, 11, 12]) });
    await place.pollHourly(8, 24 * 8);

    expect(place.told()).toHaveLength(2);
    expect(place.errors).toEqual([]);
  });
});

test('what was over before the first judgement is history', async () => {
  const place = await office({ usage: withSpike('k1', [-20]) });

  await place.pollHourly(8, 12);

  expect(place.told()).toEqual([]);
});

test('hours that nobody read neither raise nor close an incident', async () => {
  const place = await office({ usage: withSpike('k1', [10]) });
  await place.pollHourly(8, 11);

  await place.poll(18 + EARLY, 0);

  expect(place.told().map(([, , change]) => change)).toEqual(['opened']);
});

describe('a label', () => {
  async function labelled(as: 'expected' | 'real'): Promise<Office> {
    const place = await office({
      usage: withSpike('k1', [10, 11, 34, 58], 5_000_000, withSpike('k1', [59], 30_000_000)),
    });
    await place.pollHourly(8, 11);
    const [incident] = place.ledger.incidents.since(0);
    place.ledger.incidents.put({ ...incident!, label: { as, at: at(11.5), value: incident!.value } });
    return place;
  }

  it('of expected ends the incident, and the series does not fire again at that size', async () => {
    const place = await labelled('expected');

    await place.pollHourly(12, 58);

    expect(place.told().map(([, , change]) => change)).toEqual(['opened', 'closed']);
    expect(place.events.at(-1)!.incident.reason).toBe('expected');
  });

  it('of expected says nothing of a larger size', async () => {
    const place = await labelled('expected');

    await place.pollHourly(12, 60);

    expect(
      place
        .told()
        .map(([, , change]) => change)
        .slice(0, 3),
    ).toEqual(['opened', 'closed', 'opened']);
    expect(place.ledger.incidents.since(0)[0]!.opened).toBe(at(59));
  });

  it('of real changes nothing', async () => {
    const place = await labelled('real');

    await place.pollHourly(12, 36);

    expect(place.told().map(([, , change]) => change)).toEqual(['opened', 'closed', 'opened']);
  });
});

test('twice the value is told again', async () => {
  const place = await office({
    usage: withSpike('k1', [12], 40_000_000, withSpike('k1', [10, 11], 2_000_000)),
  });

  await place.pollHourly(8, 13);

  expect(place.told().map(([, , change]) => change)).toContain('escalated');
});

test('a store that is down delays the judgement and loses nothing', async () => {
  const place = await office({ usage: withSpike('k1', [10]) });
  await place.pollHourly(8, 9);
  await place.poll(10.9);
  const points = place.store.points.bind(place.store);
  place.store.points = () => Promise.reject(new Error('down'));
  await place.poll(11.1);
  place.store.points = points;

  await place.poll(11.2);

  expect(place.errors).toHaveLength(1);
  expect(place.told()[0]).toEqual(['spike_key', 'k1', 'opened']);
});

test('a change that cannot be queued is not entered, and is told the next time', async () => {
  let broken = true;
  const told: string[] = [];
  const place = await office({
    usage: withSpike('k1', [10]),
    notify: ({ change }) => {
      if (broken) throw new Error('full');
      told.push(change);
    },
  });
  await place.pollHourly(8, 11);
  const before = place.ledger.incidents.since(0);
  broken = false;

  await place.poll(11.2);

  expect(before).toEqual([]);
  expect(told).toEqual(['opened']);
});

test('a rule that is turned off raises nothing', async () => {
  const { spike_key: key, spike_account: total } = RULES;
  const off = { ...RULES, spike_key: { ...key, off: true }, spike_account: { ...total, off: true } };
  const place = await office({ usage: withSpike('k1', [10]), rulesFor: () => off });

  await place.pollHourly(8, 12);

  expect(place.told()).toEqual([]);
});
