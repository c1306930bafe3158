import { describe, expect, it } from 'vitest';
import { KEPT_DAYS, endpointRegistry } from '../../../src/providers/volcengine-ark/endpoints.ts';

const DAY = 86_400;
const NOW = 1_790_784_000;

describe('endpointRegistry', () => {
  it('tags all usage with the model that an endpoint had when it was first seen', () => {
    const known = endpointRegistry(['default'], memory());

    known.update('default', [{ id: 'ep-a', model: 'old' }], NOW);

    expect([known.model('default', 'ep-a', 0), known.model('default', 'ep-a', NOW + DAY)]).toEqual([
      'old',
      'old',
    ]);
  });

  it('applies a new model to buckets that begin after it was seen, also after a restart', () => {
    const store = memory();
    const before = endpointRegistry(['default'], store);
    before.update('default', [{ id: 'ep-a', model: 'old' }], NOW);
    before.update('default', [{ id: 'ep-a', model: 'new' }], NOW + 600);

    const known = endpointRegistry(['default'], store);

    expect(known.model('default', 'ep-a', NOW)).toBe('old');
    expect(known.model('default', 'ep-a', NOW + 3600)).toBe('new');
  });

  it('adds no model to usage that was stored without one', () => {
    const known = endpointRegistry(['default'], memory());
    known.update('default', [{ id: 'ep-a', model: undefined }], NOW);

    known.update('default', [{ id: 'ep-a', model: 'new' }], NOW + 600);

    expect(known.model('default', 'ep-a', NOW)).toBeUndefined();
    expect(known.model('default', 'ep-a', NOW + 3600)).toBe('new');
  });

  it('keeps the model while the list omits it', () => {
    const known = endpointRegistry(['default'], memory());
    known.update('default', [{ id: 'ep-a', model: 'old' }], NOW);

    known.update('default', [{ id: 'ep-a', model: undefined }], NOW + 600);

    expect(known.model('default', 'ep-a', NOW + 3600)).toBe('old');
  });

  it('keeps endpoints that left the list for a while, counted from their first absence', () => {
    const known = endpointRegistry(['default'], memory());
    known.update('default', [{ id: 'ep-a', model: 'old' }], NOW - DAY);

    const missed = known.update('default', [], NOW);
    const last = known.update('default', [], NOW + KEPT_DAYS * DAY);
    const after = known.update('default', [], NOW + KEPT_DAYS * DAY + 1);

    expect([missed, last, after]).toEqual([['ep-a'], ['ep-a'], []]);
  });

  it('recognises an endpoint that is listed again', () => {
    const known = endpointRegistry(['default'], memory());
    known.update('default', [{ id: 'ep-a', model: 'old' }], NOW);
    known.update('default', [], NOW + DAY);
    const gone = known.isGone('default', 'ep-a');

    known.update('default', [{ id: 'ep-a', model: 'old' }], NOW + 2 * DAY);

    expect([gone, known.isGone('default', 'ep-a')]).toEqual([true, false]);
    expect(known.model('default', 'ep-a', NOW)).toBe('old');
  });

  it('writes the state only on a change', () => {
    const store = memory();
    const known = endpointRegistry(['default'], store);

    for (let poll = 0; poll < 5; poll++)
      known.update('default', [{ id: 'ep-a', model: 'old' }], NOW + poll * 60);

    expect(store.writes).toBe(1);
  });
});

function memory() {
  const values = new Map<string, string>();
  return {
    writes: 0,
    get: (key: string) => values.get(key),
    set(key: string, value: string) {
      this.writes++;
      values.set(key, value);
    },
  };
}
