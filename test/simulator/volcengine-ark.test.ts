import { afterEach, describe, expect, it, test } from 'vitest';
import { sign, type SigningKey } from '../../src/providers/volcengine-ark/sign.ts';
import { script } from '../../src/simulator/faults.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import {
  volcengineArkSimulator,
  type ArkEndpoint,
  type ArkSimulatorOptions,
} from '../../src/simulator/volcengine-ark.ts';
import { createWorld, type UsageEvent } from '../../src/simulator/world.ts';

const DAY = 86_400;
/** Midnight in Beijing. */
const MIDNIGHT = Date.parse('2026-09-30T16:00:00Z') / 1000;
const NOW = (MIDNIGHT + 3 * DAY) * 1000;
const KEY = { accessKeyId: 'AKLTTEST', secretAccessKey: 'test-secret' };

let simulator: Simulator;
afterEach(() => simulator.close());

interface Reply {
  readonly status: number;
  readonly body: {
    readonly ResponseMetadata: { readonly Error?: { readonly Code: string } };
    readonly Result?: {
      readonly UsageResults?: unknown[];
      readonly Items?: { Id: string }[];
      TotalCount?: number;
    };
  };
}

describe('volcengineArkSimulator', () => {
  test.each([
    ['an unknown access key', { accessKeyId: 'AKLTOTHER' }, 401, 'InvalidAccessKey'],
    ['a wrong secret', { secretAccessKey: 'wrong' }, 401, 'SignatureDoesNotMatch'],
    ['an unknown service', { service: 'ark_stg' }, 404, 'ServiceNotFound'],
    ['a clock 16 minutes behind', { time: NOW - 16 * 60_000 }, 400, 'InvalidTimestamp'],
    ['a clock 16 minutes ahead', { time: NOW + 16 * 60_000 }, 400, 'InvalidTimestamp'],
    ['content that is not what was signed', { sent: '{"PageNumber":2}' }, 401, 'SignatureDoesNotMatch'],
    ['an unknown action', { action: 'GetNothing' }, 404, 'InvalidActionOrVersion'],
  ])('refuses %s', async (_, changes, status, code) => {
    await start({});

    const reply = await ask('ListEndpoints', {}, changes);

    expect([reply.status, reply.body.ResponseMetadata.Error?.Code]).toEqual([status, code]);
  });

  test.each([
    [
      '8 days of hours',
      { Interval: 3600, StartTime: MIDNIGHT, EndTime: MIDNIGHT + 8 * DAY },
      'InvalidParameter.EndTime',
    ],
    [
      '32 days',
      { Interval: DAY, StartTime: MIDNIGHT, EndTime: MIDNIGHT + 32 * DAY },
      'InvalidParameter.EndTime',
    ],
    [
      'an end before the start',
      { Interval: DAY, StartTime: MIDNIGHT, EndTime: MIDNIGHT - 1 },
      'InvalidParameter.EndTime',
    ],
    ['no times', { Interval: DAY }, 'InvalidParameter.EndTime'],
    ['minutes', { Interval: 60, StartTime: MIDNIGHT, EndTime: MIDNIGHT }, 'InvalidParameter.Interval'],
    [
      '101 endpoints',
      { ...day(), EndpointIds: Array.from({ length: 101 }, String) },
      'InvalidParameter.EndpointIds',
    ],
    ['an unknown scene', { ...day(), Scenes: ['Online'] }, 'InvalidParameter.Scenes'],
  ])('refuses %s', async (_, body, code) => {
    await start({});

    const reply = await ask('GetUsage', body);

    expect([reply.status, reply.body.ResponseMetadata.Error?.Code]).toEqual([400, code]);
  });

  it('answers the day whose start is both StartTime and EndTime', async () => {
    await start({ world: createWorld([event(MIDNIGHT, 'ep-1', 5), event(MIDNIGHT + DAY, 'ep-1', 7)]) });

    const reply = await ask('GetUsage', { Interval: DAY, StartTime: MIDNIGHT, EndTime: MIDNIGHT });

    expect(reply.body.Result?.UsageResults).toEqual([
      {
        Name: 'PromptTokens',
        MetricItems: [{ Tags: [ACCOUNT, ORDINARY], Values: [{ Timestamp: MIDNIGHT, Value: 5 }] }],
      },
      {
        Name: 'CompletionTokens',
        MetricItems: [{ Tags: [ACCOUNT, ORDINARY], Values: [{ Timestamp: MIDNIGHT, Value: 0 }] }],
      },
    ]);
  });

  test.each([
    ['one series per endpoint', true, 2],
    ['one total', false, 1],
  ])('answers several endpoints with %s', async (_, tagged, series) => {
    await start({ tagged, world: createWorld([event(MIDNIGHT, 'ep-1', 5), event(MIDNIGHT, 'ep-2', 7)]) });

    const reply = await ask('GetUsage', { ...day(), EndpointIds: ['ep-1', 'ep-2'] });

    const results = reply.body.Result?.UsageResults as { MetricItems: unknown[] }[] | undefined;
    expect(results?.map(({ MetricItems }) => MetricItems.length)).toEqual([series, series]);
  });

  it('lists the endpoints of one project, page by page, without the hidden ones', async () => {
    const endpoints = [
      endpoint('a'),
      endpoint('b'),
      { ...endpoint('c'), hidden: true },
      { ...endpoint('d'), project: 'other' },
    ];
    await start({ endpoints });

    const reply = await ask('ListEndpoints', { ProjectName: 'default', PageNumber: 2, PageSize: 1 });

    expect(reply.body.Result?.TotalCount).toBe(2);
    expect(reply.body.Result?.Items?.map(({ Id }) => Id)).toEqual(['b']);
  });

  it('reports an overload with HTTP 200', async () => {
    await start({ faults: script('error_in_200') });

    const reply = await ask('ListEndpoints', {});

    expect([reply.status, reply.body.ResponseMetadata.Error?.Code]).toEqual([200, 'FlowLimitExceeded']);
  });
});

const ACCOUNT = { Key: 'AccountId', Value: '2100000000' };
const ORDINARY = { Key: 'Scene', Value: 'Ordinary' };

async function start(options: Partial<ArkSimulatorOptions>): Promise<void> {
  simulator = await volcengineArkSimulator({
    ...KEY,
    world: createWorld([]),
    now: () => NOW,
    endpoints: [],
    tagged: true,
    ...options,
  });
}

interface Changes extends Partial<SigningKey> {
  readonly service?: string;
  readonly time?: number;
  readonly sent?: string;
  readonly action?: string;
}

async function ask(action: string, body: object, changes: Changes = {}): Promise<Reply> {
  const url = `${simulator.url}/?Action=${changes.action ?? action}&Version=2024-01-01`;
  const text = JSON.stringify(body);
  const headers = sign(
    { method: 'POST', url, body: text },
    { ...KEY, ...changes },
    { region: 'cn-beijing', service: changes.service ?? 'ark', time: changes.time ?? NOW },
  );
  const response = await fetch(url, { method: 'POST', headers, body: changes.sent ?? text });
  return { status: response.status, body: (await response.json()) as Reply['body'] };
}

function day(): object {
  return { Interval: DAY, StartTime: MIDNIGHT, EndTime: MIDNIGHT + DAY - 1 };
}

function endpoint(id: string): ArkEndpoint {
  return { id, project: 'default', model: 'doubao-pro', version: '240515' };
}

function event(time: number, endpoint: string, input: number): UsageEvent {
  const tags = { project: 'default', endpoint, scene: 'Ordinary' };
  return { id: `${time}/${endpoint}`, time, visibleAt: time, tags, fields: { input_tokens: input } };
}
