import { expect, it } from 'vitest';
import { r9s } from '../../src/providers/r9s/index.ts';
import { trae } from '../../src/providers/trae/index.ts';
import { ucloud } from '../../src/providers/ucloud/index.ts';
import { volcengineArk } from '../../src/providers/volcengine-ark/index.ts';
import type { Partition, Provider } from '../../src/providers/provider.ts';
import { connectTo } from '../support/simulated.ts';

const base_url = 'http://127.0.0.1:9';
const START = Date.parse('2026-10-01T00:00:00+08:00') / 1000;
const DAY = 86_400;
const TRAE = { app_id: 'a', app_secret: 's' };
const UCLOUD = { public_key: 'p', private_key: 's' };
const ARK = { access_key_id: 'a', secret_access_key: 's' };

const named = (ids: readonly string[], project?: string): Partition[] =>
  ids.map((id) =>
    project === undefined ? { id } : { id: `${project}/${id}`, tags: { project, endpoint: id } },
  );

it.each<[string, Provider, object, count: number, calls: number]>([
  ['members of Trae', trae, TRAE, 250, 3],
  ['no members of Trae', trae, TRAE, 0, 1],
  ['named members of Trae', trae, { ...TRAE, members: { ids: [1, 2] } }, 2, 0],
  ['keys of UCloud', ucloud, UCLOUD, 100, 2],
  ['named keys of UCloud', ucloud, { ...UCLOUD, keys: ['k'] }, 1, 0],
  ['the account of R9S', r9s, { management_key: 'k' }, 1, 0],
  ['endpoints of Ark in two projects', volcengineArk, { ...ARK, projects: ['a', 'b'] }, 40, 2],
  ['projects of Ark', volcengineArk, { ...ARK, endpoints: 'none' }, 1, 0],
])('the list of %s', (_, provider, options, count, calls) => {
  expect(connectTo(provider, { ...options, base_url }).calls.list(count)).toBe(calls);
});

it.each<[string, Provider, object, readonly Partition[], days: number, calls: number]>([
  ['100 members of Trae', trae, TRAE, named(['email:a@b', 'email:c@d']), 180, 1],
  ['members of Trae by address and by id', trae, TRAE, named(['email:a@b', 'id:7']), 1, 2],
  ['a key of UCloud for two models', ucloud, { ...UCLOUD, models: ['m', 'n'] }, named(['key:k']), 1, 2],
  ['the account of R9S', r9s, { management_key: 'k' }, named(['account']), 7, 1],
  ['endpoints of one project of Ark', volcengineArk, ARK, named(['e', 'f'], 'a'), 7, 1],
  ['endpoints of Ark over two weeks', volcengineArk, ARK, named(['e', 'f'], 'a'), 14, 2],
])('a read of %s', (_, provider, options, partitions, days, calls) => {
  const window = { start: START, end: START + days * DAY };
  const request = { window, bucket: '1h', zone: 'Asia/Shanghai', partitions } as const;

  expect(connectTo(provider, { ...options, base_url }).calls.read(request)).toBe(calls);
});
