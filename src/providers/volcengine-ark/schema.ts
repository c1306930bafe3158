import { z } from 'zod';
import type { Count } from '../../usage/count.ts';
import { CountField, countOf } from '../../usage/count-schema.ts';

/** One series of an answer, as the vendor names and tags it. */
export interface Series {
  readonly name: string;
  /** `EndpointId`, `Scene`, `AccountId`, `BatchJobId`: what the vendor knows; empty values left out. */
  readonly tags: Readonly<Record<string, string>>;
  readonly values: Values;
}

/** The n-th count belongs to the n-th time, Unix seconds. */
export interface Values {
  readonly times: readonly number[];
  readonly counts: readonly Count[];
}

const NONE: Values = { times: [], counts: [] };
const ValueList = z.array(z.object({ Timestamp: z.int().nonnegative(), Value: CountField }));

/**
 * One function and two lists instead of a schema and an object per value: an answer may hold a hundred thousand of
 * them. What it does not take is left to the schema, which says what is wrong with it.
 */
const ValuesField: z.ZodType<Values> = z.transform((list: unknown, context) => {
  const times: number[] = [];
  const counts: Count[] = [];
  for (const value of Array.isArray(list) ? (list as unknown[]) : []) {
    const { Timestamp: time, Value } = Object(value) as { Timestamp?: unknown; Value?: unknown };
    const count = countOf(Value);
    if (!Number.isSafeInteger(time) || (time as number) < 0 || count === undefined) break;
    times.push(time as number);
    counts.push(count);
  }
  if (Array.isArray(list) && times.length === list.length) return { times, counts };
  const { data, error } = ValueList.safeParse(list);
  for (const { message, path } of error?.issues ?? []) {
    context.issues.push({ code: 'custom', message, path, input: undefined });
  }
  return { times: data?.map((one) => one.Timestamp) ?? [], counts: data?.map((one) => one.Value) ?? [] };
});

const MetricItem = z.object({
  Tags: z
    .array(z.object({ Key: z.string(), Value: z.string() }))
    .nullish()
    .transform((list) => {
      const tags: Record<string, string> = {};
      for (const { Key, Value } of list ?? []) if (Value) tags[Key] = Value;
      return tags;
    }),
  Values: ValuesField.nullable(),
});

/** Answer of GetUsage. Lists without entries may come as null. */
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
      (MetricItems ?? []).map(({ Tags, Values }) => ({ name: Name, tags: Tags, values: Values ?? NONE })),
    ),
  );

export interface Endpoint {
  readonly id: string;
  /** As callers write it: `<name>-<version>`, or the id of a custom model. */
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

/** Answer of ListEndpoints. */
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

/** The envelope of every answer, good or bad. */
export const Envelope = z.object({
  ResponseMetadata: z.object({
    RequestId: z.string().optional(),
    Error: z.object({ Code: z.string(), Message: z.string().optional() }).nullish(),
  }),
});
