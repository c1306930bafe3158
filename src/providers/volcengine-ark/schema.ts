import { z } from 'zod';
import type { Count } from '../../usage/count.ts';
import { CountField } from '../../usage/count-schema.ts';

/** One series of an answer, as the vendor names and tags it. */
export interface Series {
  readonly name: string;
  /** `EndpointId`, `Scene`, `AccountId`, `BatchJobId`: what the vendor knows; empty values left out. */
  readonly tags: Readonly<Record<string, string>>;
  readonly values: readonly { readonly time: number; readonly count: Count }[];
}

const MetricItem = z.object({
  Tags: z
    .array(z.object({ Key: z.string(), Value: z.string() }))
    .nullish()
    .transform((list) => {
      const tags: Record<string, string> = {};
      for (const { Key, Value } of list ?? []) if (Value) tags[Key] = Value;
      return tags;
    }),
  Values: z
    .array(
      z
        .object({ Timestamp: z.int().nonnegative(), Value: CountField })
        .transform(({ Timestamp, Value }) => ({ time: Timestamp, count: Value })),
    )
    .nullable(),
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
      (MetricItems ?? []).map(({ Tags, Values }) => ({ name: Name, tags: Tags, values: Values ?? [] })),
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
