import type { z } from 'zod';
import type { Http } from '../../fetch/http.ts';
import { vendorError } from './errors.ts';
import type { Options } from './options.ts';
import { KeyPage, Usage } from './schema.ts';
import { sign } from './sign.ts';

/** The vendor's own maximum. https://docs.ucloud.cn/api/uai-modelverse-api/list_um_infer_api_key */
const KEYS_PER_PAGE = 100;

interface UsageQuestion {
  readonly project: string | undefined;
  readonly key: string;
  readonly model: string | undefined;
  /** Unix seconds, as sent: whether `EndTime` itself belongs to the range is the server's affair. */
  readonly start: number;
  readonly end: number;
}

export interface Client {
  /** The ids of a project's keys. @throws FetchError */
  keys(project: string | undefined, signal: AbortSignal): Promise<string[]>;
  /** @throws FetchError; `window_too_large` where the range is too long for the server. */
  usage(question: UsageQuestion, signal: AbortSignal): Promise<Usage>;
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
        // A form carries exactly the text that is signed, and unlike a query it stays out of access logs.
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
      const ids = new Set<string>();
      for (let offset = 0; ;) {
        const parameters = { ProjectId: project, Offset: String(offset), Limit: String(KEYS_PER_PAGE) };
        const page = await ask('ListUMInferAPIKey', parameters, KeyPage, signal);
        const before = ids.size;
        // Keys made or deleted between two pages shift the list: a repeated one counts once, a skipped one
        // comes with the next poll. A full page without anything new is a server that ignores the offset.
        for (const id of page) ids.add(id);
        if (page.length < KEYS_PER_PAGE || ids.size === before) return [...ids];
        offset += page.length;
      }
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
