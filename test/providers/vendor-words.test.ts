import { describe, expect, it } from 'vitest';
import { vendorError as traeError } from '../../src/providers/trae/errors.ts';
import { Usage as UcloudUsage } from '../../src/providers/ucloud-dialect/schema.ts';
import { endpointRegistry } from '../../src/providers/volcengine-ark/endpoints.ts';
import { vendorError as arkError } from '../../src/providers/volcengine-ark/errors.ts';
import { readRows } from '../../src/providers/volcengine-ark/records.ts';
import { Usage as ArkUsage } from '../../src/providers/volcengine-ark/schema.ts';

const PROPERTIES = ['constructor', '__proto__', 'toString', 'hasOwnProperty'];

describe.each(PROPERTIES)('the vendor text %s, a property of every object,', (text) => {
  const answer = (status: number, body: unknown) => ({ status, headers: new Headers(), body });

  it('is an unknown error code of Ark', () => {
    const body = { ResponseMetadata: { Error: { Code: text, Message: 'no' } } };

    const errors = [400, 500].map((status) => arkError(answer(status, body), 'GetUsage', 0, []));

    expect(errors.map((error) => error?.kind)).toEqual(['refused', 'unavailable']);
  });

  it('is an unknown error code of Trae', () => {
    expect(traeError(answer(200, { code: text }), 'users', [])?.kind).toBe('refused');
  });

  it('is an unknown row type of UCloud', async () => {
    const row = { Type: text, Count: 1, Timestamp: 1_790_820_000 };

    expect((await UcloudUsage.parseAsync({ RetCode: 0, Data: { Usages: [row] } })).rows).toEqual([undefined]);
  });

  it('is an unknown name and an unknown tag of Ark', async () => {
    const tags = [
      { Key: text, Value: 'x' },
      { Key: 'EndpointId', Value: 'ep-1' },
    ];
    const MetricItems = [{ Tags: tags, Values: [{ Timestamp: 3600, Value: 1 }] }];
    const series = await ArkUsage.parseAsync({
      Result: {
        UsageResults: [
          { Name: text, MetricItems },
          { Name: 'PromptTokens', MetricItems },
        ],
      },
    });
    const query = {
      project: 'default',
      endpoints: ['ep-1'],
      window: { start: 3600, end: 7200 },
      interval: 3600,
    };
    const records: unknown[] = [];

    const dropped = readRows(series, query, ['Ordinary'], (record) => records.push(record));

    expect(dropped).toEqual({ unknown_type: 1 });
    expect(records).toEqual([
      {
        time: 3600,
        tags: { project: 'default', endpoint: 'ep-1', scene: 'Ordinary' },
        fields: { input_tokens: 1 },
      },
    ]);
  });

  it('can be the id of an Ark endpoint', () => {
    const saved = new Map<string, string>();
    const state = {
      get: (key: string) => saved.get(key),
      set: (key: string, value: string) => void saved.set(key, value),
    };
    const registry = endpointRegistry(['default'], state);

    const ids = registry.update('default', [{ id: text, model: 'm' }], 1000);

    expect(ids).toEqual([text]);
    expect(registry.model('default', text, 500)).toBe('m');
    expect(registry.isGone('default', text)).toBe(false);
    registry.update('default', [], 2000);
    expect(endpointRegistry(['default'], state).isGone('default', text)).toBe(true);
  });
});
