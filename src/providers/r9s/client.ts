import type { Http } from '../../fetch/http.ts';
import type { Window } from '../../windows/window.ts';
import { vendorError } from './errors.ts';
import type { R9sOptions } from './options.ts';
import { UsagePage, type Page } from './schema.ts';

/** Requests one page, from 1, of the usage of a range. `end` is sent as it is; the server decides whether it is inclusive. @throws FetchError */
export type AskPage = (range: Window, page: number, signal: AbortSignal) => Promise<Page>;

export function createClient(options: R9sOptions, http: Http): AskPage {
  const key = options.management_key;
  const url = `${options.base_url.replace(/\/+$/, '')}/usage`;

  return ({ start, end }, page, signal) => {
    // Without `pagesize` the server would cut the answer at an unknown number of rows without saying so.
    const query = new URLSearchParams({
      start_time: String(start),
      end_time: String(end),
      page: String(page),
      pagesize: String(options.page_size),
    });
    return http.call({
      action: 'usage',
      answer: UsagePage,
      signal,
      check: (answer) => vendorError('usage', answer, key),
      build: () => ({
        method: 'GET',
        url: `${url}?${query.toString()}`,
        headers: { authorization: `Bearer ${key.reveal()}` },
      }),
    });
  };
}
