import { z } from 'zod';
import type { State } from '../provider.ts';
import type { Endpoint } from './schema.ts';
import { DAY } from '../../windows/units.ts';

/** How long an endpoint that left the list is still read: longer than any reasonable look-back. */
export const KEPT_DAYS = 90;

const SavedEndpoint = z.object({
  /** Models with the time from which each applies, oldest first. Unix seconds. */
  models: z.array(z.tuple([z.number(), z.string()])),
  /** When it was first absent from the list, Unix seconds. */
  gone: z.number().optional(),
});
type SavedEndpoint = z.infer<typeof SavedEndpoint>;

/** The saved endpoints of one project, by id. */
type SavedEndpoints = ReadonlyMap<string, SavedEndpoint>;

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
    const entries = Object.entries(JSON.parse(text ?? '{}') as Record<string, unknown>);
    return new Map(entries.map(([id, endpoint]) => [id, SavedEndpoint.parse(endpoint)]));
  }

  const saved = (project: string, endpoint: string): SavedEndpoint | undefined =>
    known.get(project)?.get(endpoint);

  return {
    update(project, listed, now) {
      const before = known.get(project) ?? new Map();
      const after = updated(before, listed, now);
      const text = JSON.stringify(Object.fromEntries(after));
      if (text !== JSON.stringify(Object.fromEntries(before))) state.set(stateKey(project), text);
      known.set(project, after);
      return [...after.keys()];
    },
    model: (project, endpoint, time) =>
      saved(project, endpoint)?.models.findLast(([since]) => since <= time)?.[1],
    isGone: (project, endpoint) => saved(project, endpoint)?.gone !== undefined,
  };
}

function updated(before: SavedEndpoints, listed: readonly Endpoint[], now: number): SavedEndpoints {
  const after = new Map<string, SavedEndpoint>();
  for (const { id, model } of listed) {
    const models = before.get(id)?.models ?? [];
    const since = before.has(id) ? now : 0;
    const isSame = model === undefined || model === models.at(-1)?.[1];
    after.set(id, { models: isSame ? models : [...models, [since, model]] });
  }
  for (const [id, endpoint] of before) {
    const gone = endpoint.gone ?? now;
    if (!after.has(id) && now - gone <= KEPT_DAYS * DAY) after.set(id, { ...endpoint, gone });
  }
  return after;
}

function stateKey(project: string): string {
  return `endpoints/${project}`;
}
