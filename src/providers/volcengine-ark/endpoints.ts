import { z } from 'zod';
import type { State } from '../provider.ts';
import type { Endpoint } from './schema.ts';

const DAY = 86_400;
/** How long an endpoint that left the list is still read: longer than any reasonable look-back. */
export const KEPT_DAYS = 90;

/** The saved endpoints of one project, by id. Times in Unix seconds. */
const SavedEndpoints = z.record(
  z.string(),
  z.object({
    /** Models with the time from which each applies, oldest first. */
    models: z.array(z.tuple([z.number(), z.string()])),
    /** When it was first absent from the list. */
    gone: z.number().optional(),
  }),
);
type SavedEndpoints = z.infer<typeof SavedEndpoints>;

export interface EndpointRegistry {
  /** Saves the list as of `now`. Returns the ids to read: those listed and those that left the list recently. */
  update(project: string, listed: readonly Endpoint[], now: number): string[];
  /** The model tag for usage in a bucket that starts at `time`. */
  model(project: string, endpoint: string, time: number): string | undefined;
  isGone(project: string, endpoint: string): boolean;
}

/**
 * Endpoints leave the list while their usage remains, and an endpoint's model may change. Stored points keep their
 * model tag, because a re-read under another tag would store them twice: a new model applies from the first bucket
 * that starts after it was seen.
 */
export function endpointRegistry(projects: readonly string[], state: State): EndpointRegistry {
  const known = new Map(projects.map((project) => [project, load(project)]));

  function load(project: string): SavedEndpoints {
    const text = state.get(stateKey(project));
    return text === undefined ? {} : SavedEndpoints.parse(JSON.parse(text));
  }

  return {
    update(project, listed, now) {
      const before = known.get(project) ?? {};
      const after = updated(before, listed, now);
      if (JSON.stringify(after) !== JSON.stringify(before))
        state.set(stateKey(project), JSON.stringify(after));
      known.set(project, after);
      return Object.keys(after);
    },
    model: (project, endpoint, time) =>
      known.get(project)?.[endpoint]?.models.findLast(([since]) => since <= time)?.[1],
    isGone: (project, endpoint) => known.get(project)?.[endpoint]?.gone !== undefined,
  };
}

function updated(before: SavedEndpoints, listed: readonly Endpoint[], now: number): SavedEndpoints {
  const after: SavedEndpoints = {};
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

function stateKey(project: string): string {
  return `endpoints/${project}`;
}
