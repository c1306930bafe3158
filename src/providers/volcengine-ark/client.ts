import type { z } from 'zod';
import { paginate } from '../paginate.ts';
import type { Context } from '../provider.ts';
import type { Window } from '../../windows/window.ts';
import { vendorError } from './errors.ts';
import type { Options } from './options.ts';
import { EndpointPage, Usage, type Endpoint, type Series } from './schema.ts';
import { sign } from './sign.ts';

const VERSION = '2024-01-01';
const SERVICE = 'ark';
/** Endpoints per page. */
export const PAGE_SIZE = 100;
/** Pages shift when endpoints are created or deleted during a listing; an incomplete list is read again. */
const LIST_ATTEMPTS = 3;

export interface UsageQuery {
  readonly project: string;
  /** Absent: the whole project. */
  readonly endpoints?: readonly string[];
  readonly window: Window;
  /** Width of the values, seconds: 3600 or 86400. */
  readonly interval: number;
}

export interface Ark {
  usage(query: UsageQuery, signal: AbortSignal): Promise<Series[]>;
  /** All endpoints of a project, and the vendor's count of them. */
  endpoints(project: string, signal: AbortSignal): Promise<{ found: Endpoint[]; total: number }>;
}

/** The requests to Volcengine's OpenAPI that a job needs. */
export function createArk(options: Options, { http, now }: Context): Ark {
  const secrets = [options.secret_access_key, ...(options.session_token ? [options.session_token] : [])];

  function call<T>(action: string, project: string, body: object, answer: z.ZodType<T>, signal: AbortSignal) {
    const url = new URL(options.base_url);
    url.search = new URLSearchParams({ Action: action, Version: VERSION }).toString();
    const text = JSON.stringify({ ...body, ProjectName: project });
    return http.call<T>({
      action,
      build: () => {
        const request = { method: 'POST', url: url.href, body: text } as const;
        const key = {
          accessKeyId: options.access_key_id,
          secretAccessKey: options.secret_access_key.reveal(),
          sessionToken: options.session_token?.reveal(),
        };
        const signed = sign(request, key, { region: options.region, service: SERVICE, time: now() });
        return { ...request, headers: { ...signed, 'content-type': 'application/json; charset=utf-8' } };
      },
      check: (reply) => vendorError(reply, `${action} for project ${project}`, now(), secrets),
      // Every attempt is signed again; an expired signature needs no other renewal.
      refresh: () => {},
      answer,
      signal,
    });
  }

  /** Adds the endpoints of a project to `items`. Returns the vendor's count of them. */
  async function list(project: string, items: Map<string, Endpoint>, signal: AbortSignal): Promise<number> {
    const action = 'ListEndpoints';
    const { pages } = await paginate({
      action,
      read: (page) => {
        const body = { PageNumber: page, PageSize: PAGE_SIZE };
        return call(action, project, body, EndpointPage, signal);
      },
      itemsOf: ({ endpoints }) => endpoints,
      keyOf: ({ id }) => id,
      isLast: ({ total }, { rows }) => rows.length >= total,
      items,
    });
    return pages.at(-1)?.total ?? 0;
  }

  return {
    usage: ({ project, endpoints, window, interval }, signal) =>
      call(
        'GetUsage',
        project,
        {
          Interval: interval,
          StartTime: window.start,
          // EndTime is inclusive: a bucket is returned if its start is at or before EndTime (the vendor's example
          // requests one day with StartTime equal to EndTime).
          EndTime: window.end - 1,
          Scenes: options.scenes,
          ...(endpoints ? { EndpointIds: endpoints } : {}),
        },
        Usage,
        signal,
      ),
    async endpoints(project, signal) {
      const found = new Map<string, Endpoint>();
      let total = 0;
      for (let attempt = 0; attempt < LIST_ATTEMPTS; attempt++) {
        total = await list(project, found, signal);
        if (found.size >= total) break;
      }
      return { found: [...found.values()], total };
    },
  };
}
