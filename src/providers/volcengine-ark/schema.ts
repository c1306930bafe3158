import { z } from 'zod';
import { rows } from '../../fetch/rows.ts';
import type { Count } from '../../usage/count.ts';
import { CountField } from '../../usage/count-schema.ts';

/** One series of an answer, with the vendor's name and tags. */
export interface Series {
  readonly name: string;
  /** `EndpointId`, `Scene`, `AccountId`, `BatchJobId`; empty values are omitted. */
  readonly tags: Readonly<Record<string, string>>;
  readonly values: readonly Value[];
}

/** The count of the bucket that starts at `Timestamp`, Unix seconds. */
export interface Value {
  readonly Timestamp: number;
  readonly Value: Count;
}

const MetricItem = z.object({
  Tags: z
    .array(z.object({ Key: z.string(), Value: z.string() }))
    .transform((list) => Object.fromEntries(list.flatMap(({ Key, Value }) => (Value ? [[Key, Value]] : []))))
    .nullish(),
  Values: rows(z.object({ Timestamp: z.int().nonnegative(), Value: CountField })).nullable(),
});

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
        values: Values ?? [],
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
