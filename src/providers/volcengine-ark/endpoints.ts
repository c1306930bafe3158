import { z } from 'zod';
import type { State } from '../provider.ts';
import type { Endpoint } from './schema.ts';

const DAY = 86_400;
/** How long an endpoint that left the list is still asked for: longer than any sensible look-back. */
export const KEPT_DAYS = 90;

/** What is remembered of one project's endpoints, by id. Times in Unix seconds. */
const Remembered = z.record(
  z.string(),
  z.object({
    /** Since when which model, oldest first. */
    models: z.array(z.tuple([z.number(), z.string()])),
    /** When it was first missing from the list. */
    gone: z.number().optional(),
  }),
);
type Remembered = z.infer<typeof Remembered>;

export interface KnownEndpoints {
  /** Takes in what the list holds at `now`. Returns the ids to ask for: the listed ones and those that vanished of late. */
  update(project: string, listed: readonly Endpoint[], now: number): string[];
  /** The model whose tag the usage of a bucket that starts at `time` carries. */
  model(project: string, endpoint: string, time: number): string | undefined;
  isGone(project: string, endpoint: string): boolean;
}

/**
 * Endpoints vanish from the list while their usage remains, and an endpoint may be given another model. Points
 * already stored keep their model tag, or a re-read would store them twice: a new model counts from the first
 * bucket that starts after it was seen.
 */
export function rememberEndpoints(projects: readonly string[], state: State): KnownEndpoints {
  const known = new Map(projects.map((project) => [project, load(project)]));

  function load(project: string): Remembered {
    const text = state.get(memoryKey(project));
    return text === undefined ? {} : Remembered.parse(JSON.parse(text));
  }

  return {
    update(project, listed, now) {
      const before = known.get(project) ?? {};
      const after = remember(before, listed, now);
      if (JSON.stringify(after) !== JSON.stringify(before))
        state.set(memoryKey(project), JSON.stringify(after));
      known.set(project, after);
      return Object.keys(after);
    },
    model: (project, endpoint, time) =>
      known.get(project)?.[endpoint]?.models.findLast(([since]) => since <= time)?.[1],
    isGone: (project, endpoint) => known.get(project)?.[endpoint]?.gone !== undefined,
  };
}

function remember(before: Remembered, listed: readonly Endpoint[], now: number): Remembered {
  const after: Remembered = {};
  for (const { id, model } of listed) {
    const models = before[id]?.models ?? [];
    const since = before[id] ? now : 0;
    after[id] = {
      models: model === undefined || model === models.at(-1)?.[1] ? models : [...models, [since, model]],
    };
  }
  for (const [id, endpoint] of Object.entries(before)) {
    const gone = endpoint.gone ?? now;
    if (!after[id] && now - gone <= KEPT_DAYS * DAY) after[id] = { ...endpoint, gone };
  }
  return after;
}

function memoryKey(project: string): string {
  return `endpoints/${project}`;
}
