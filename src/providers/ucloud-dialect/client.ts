import type { z } from 'zod';
import type { Http } from '../../fetch/http.ts';
import { paginate } from '../paginate.ts';
import { vendorError } from './errors.ts';
import type { Options } from './options.ts';
import { KeyPage, Usage } from './schema.ts';
import { sign } from './sign.ts';

/** The vendor's own maximum. https://docs.ucloud.cn/api/uai-modelverse-api/list_um_infer_api_key */
export const KEYS_PER_PAGE = 100;

interface UsageQuery {
  readonly project: string | undefined;
  readonly key: string;
  readonly model: string | undefined;
  /** Unix seconds, sent as they are; the server decides whether `EndTime` is inclusive. */
  readonly start: number;
  readonly end: number;
}

export interface Client {
  /** The ids of a project's keys. @throws FetchError */
  keys(project: string | undefined, signal: AbortSignal): Promise<string[]>;
  /** @throws FetchError; `window_too_large` if the range is too long for the server. */
  usage(query: UsageQuery, signal: AbortSignal): Promise<Usage>;
}

export function createClient(options: Options, http: Http): Client {
  function ask<T>(
    action: string,
    parameters: Readonly<Record<string, string | undefined>>,
    answer: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<T> {
    return http.call({
      action,
      answer,
      signal,
      check: (received) => vendorError(action, received),
      build: () => {
        const signed = withoutUndefined({ Action: action, PublicKey: options.public_key, ...parameters });
        const Signature = sign(signed, options.private_key.reveal());
        // The form is exactly the signed text and, unlike a query, is not in access logs.
        return {
          method: 'POST',
          url: options.base_url,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({ ...signed, Signature }).toString(),
        };
      },
    });
  }

  return {
    async keys(project, signal) {
      const action = 'ListUMInferAPIKey';
      const Limit = String(KEYS_PER_PAGE);
      // Keys created or deleted between two pages shift the list: a repeated key counts once, a skipped one is
      // found by the next listing.
      const { items } = await paginate({
        action,
        read: (page) => {
          const Offset = String((page - 1) * KEYS_PER_PAGE);
          return ask(action, { ProjectId: project, Offset, Limit }, KeyPage, signal);
        },
        itemsOf: (page) => page,
        keyOf: (id) => id,
        isLast: (page) => page.length < KEYS_PER_PAGE,
      });
      return [...items.keys()];
    },

    usage({ project, key, model, start, end }, signal) {
      const range = { StartTime: String(start), EndTime: String(end) };
      const parameters = { ProjectId: project, KeyId: key, Model: model, ...range };
      return ask('GetUMInferTokenUsage', parameters, Usage, signal);
    },
  };
}

function withoutUndefined(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
