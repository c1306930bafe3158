import { z } from 'zod';
import { rows } from '../../fetch/rows.ts';
import { CountField } from '../../usage/count-schema.ts';
import type { Count } from '../../usage/count.ts';
import type { Field } from '../../usage/point.ts';
import { TimeField } from '../../usage/time-schema.ts';

/** `RetCode` is documented as a number and sometimes a string of digits. */
const RetCode = z.union([
  z.int(),
  z
    .string()
    .regex(/^-?[0-9]{1,9}$/)
    .transform(Number),
]);

/** The envelope of every answer. */
export const Envelope = z.object({ RetCode, Message: z.string().nullish() });

/**
 * One page of key ids. An entry also contains the key in plain text, which is not parsed. `Data` is an array, an
 * object that contains one, or empty.
 */
export const KeyPage = z
  .object({
    RetCode,
    Data: z.preprocess(arrayInside, z.array(z.object({ KeyId: z.string().min(1) }))),
  })
  .transform((answer) => answer.Data.map((key) => key.KeyId));

function arrayInside(data: unknown): unknown {
  if (data === undefined || data === null) return [];
  if (typeof data !== 'object' || Array.isArray(data)) return data;
  if ('KeyId' in data) return [data];
  const members: unknown[] = Object.values(data);
  return members.find(Array.isArray) ?? (members.every((member) => !member) ? [] : data);
}

/** Field by row type, lower case. */
const FIELD_OF_TYPE: ReadonlyMap<string, Field> = new Map([
  ['in', 'input_tokens'],
  ['out', 'output_tokens'],
  ['total', 'total_tokens'],
  ['request_count', 'requests'],
  ['image_generation', 'images'],
]);

export interface UsageRow {
  /** Unix seconds. */
  readonly time: number;
  readonly model: string | undefined;
  readonly field: Field;
  readonly count: Count;
}

const KnownRow = z.object({ Timestamp: TimeField, Count: CountField, Model: z.string().nullish() });

/** A row; undefined for an unknown type, whose other members are not validated. */
const Row = z.looseObject({ Type: z.string().nullish() }).transform((row, context): UsageRow | undefined => {
  const field = FIELD_OF_TYPE.get(row.Type?.toLowerCase() ?? '');
  if (!field) return undefined;
  const known = KnownRow.safeParse(row);
  if (known.success) {
    const { Timestamp, Count, Model } = known.data;
    return { time: Timestamp, model: Model || undefined, field, count: Count };
  }
  for (const { path, message } of known.error.issues) {
    context.issues.push({ code: 'custom', path: [...path], message, input: row });
  }
  return z.NEVER;
});

const Total = CountField.nullish().transform((count) => count ?? undefined);

/** A key's usage in a window: rows, if any, and the totals of the window. */
export const Usage = z
  .object({
    RetCode,
    Data: z
      .object({
        Total,
        // Documented as an output total, in every language; it is the input.
        InTotal: Total,
        OutTotal: Total,
        RequestTotal: Total,
        ImageGenerationNum: Total,
        Usages: rows(Row).nullish(),
      })
      .nullish(),
  })
  .transform(({ Data }) => ({
    rows: Data?.Usages ?? [],
    totals: {
      ...(Data?.InTotal !== undefined && { input_tokens: Data.InTotal }),
      ...(Data?.OutTotal !== undefined && { output_tokens: Data.OutTotal }),
      ...(Data?.Total !== undefined && { total_tokens: Data.Total }),
      ...(Data?.RequestTotal !== undefined && { requests: Data.RequestTotal }),
      ...(Data?.ImageGenerationNum !== undefined && { images: Data.ImageGenerationNum }),
    },
  }));
export type Usage = z.output<typeof Usage>;
