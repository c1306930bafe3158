import { z } from 'zod';
import type { Count } from '../../usage/count.ts';
import { CountField, countOf } from '../../usage/count-schema.ts';
import { quickly } from '../quickly.ts';

/** One series of an answer, with the vendor's name and tags. */
export interface Series {
  readonly name: string;
  /** `EndpointId`, `Scene`, `AccountId`, `BatchJobId`; empty values are omitted. */
  readonly tags: Readonly<Record<string, string>>;
  readonly values: Values;
}

/** The n-th count belongs to the n-th time, Unix seconds. */
export interface Values {
  readonly times: readonly number[];
  readonly counts: readonly Count[];
}

const NONE: Values = { times: [], counts: [] };

const TagList = z
  .array(z.object({ Key: z.string(), Value: z.string() }))
  .transform((list) => Object.fromEntries(list.flatMap(({ Key, Value }) => (Value ? [[Key, Value]] : []))));

const ValueList = z
  .array(z.object({ Timestamp: z.int().nonnegative(), Value: CountField }))
  .transform((list): Values => ({
    times: list.map(({ Timestamp }) => Timestamp),
    counts: list.map(({ Value }) => Value),
  }));

const MetricItem = z.object({
  Tags: quickly(readTags, TagList).nullish(),
  Values: quickly(readValues, ValueList).nullable(),
});

function readTags(list: unknown): Record<string, string> | undefined {
  if (!Array.isArray(list)) return undefined;
  const tags: Record<string, string> = {};
  for (const tag of list as unknown[]) {
    const { Key, Value } = Object(tag) as { Key?: unknown; Value?: unknown };
    if (typeof Key !== 'string' || typeof Value !== 'string') return undefined;
    if (Value) tags[Key] = Value;
  }
  return tags;
}

function readValues(list: unknown): Values | undefined {
  if (!Array.isArray(list)) return undefined;
  const times: number[] = [];
  const counts: Count[] = [];
  for (const value of list as unknown[]) {
    const { Timestamp: time, Value } = Object(value) as { Timestamp?: unknown; Value?: unknown };
    const count = countOf(Value);
    if (typeof time !== 'number' || !Number.isSafeInteger(time) || time < 0 || count === undefined)
      return undefined;
    times.push(time);
    counts.push(count);
  }
  return { times, counts };
}

/** The answer to GetUsage. An empty list may be null. */
export const Usage = z
  .object({
    Result: z.object({
      UsageResults: z
        .array(z.object({ Name: z.string(), MetricItems: z.array(MetricItem).nullable() }))
        .nullable(),
    }),
  })
  .transform(({ Result }): Series[] =>
    (Result.UsageResults ?? []).flatMap(({ Name, MetricItems }) =>
      (MetricItems ?? []).map(({ Tags, Values }) => ({
        name: Name,
        tags: Tags ?? {},
        values: Values ?? NONE,
      })),
    ),
  );

export interface Endpoint {
  readonly id: string;
  /** As in inference requests: `<name>-<version>`, or the id of a custom model. */
  readonly model: string | undefined;
}

const ModelReference = z
  .object({
    FoundationModel: z.object({ Name: z.string(), ModelVersion: z.string().nullish() }).nullish(),
    CustomModelId: z.string().nullish(),
  })
  .nullish()
  .transform((reference): string | undefined => {
    if (reference?.CustomModelId) return reference.CustomModelId;
    const model = reference?.FoundationModel;
    if (!model?.Name) return undefined;
    return model.ModelVersion ? `${model.Name}-${model.ModelVersion}` : model.Name;
  });

/** The answer to ListEndpoints. */
export const EndpointPage = z
  .object({
    Result: z.object({
      TotalCount: z.int().nonnegative(),
      Items: z.array(z.object({ Id: z.string().min(1), ModelReference })).nullable(),
    }),
  })
  .transform(({ Result }) => ({
    total: Result.TotalCount,
    endpoints: (Result.Items ?? []).map(({ Id, ModelReference }): Endpoint => ({
      id: Id,
      model: ModelReference,
    })),
  }));

/** The envelope of every answer. */
export const Envelope = z.object({
  ResponseMetadata: z.object({
    RequestId: z.string().optional(),
    Error: z.object({ Code: z.string(), Message: z.string().optional() }).nullish(),
  }),
});
