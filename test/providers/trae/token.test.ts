import { describe, expect, it } from 'vitest';
import { FetchError } from '../../../src/fetch/errors.ts';
import { Secret } from '../../../src/lib/secret.ts';
import { createTokens, renewAt, type Token } from '../../../src/providers/trae/token.ts';

const { signal } = new AbortController();

function issue(name: string, until: number): Token {
  return { value: new Secret(name), renewAt: until };
}

describe('tokens', () => {
  it('are requested once for concurrent callers', async () => {
    let requests = 0;
    const tokens = createTokens(
      () => Promise.resolve(issue(`token-${++requests}`, 1000)),
      () => 0,
    );

    const [a, b] = await Promise.all([tokens.get(signal), tokens.get(signal)]);
    const c = await tokens.get(signal);

    expect(requests).toBe(1);
    expect([a, c]).toEqual([b, b]);
  });

  it('are renewed before they expire', async () => {
    let now = 0;
    let requests = 0;
    const tokens = createTokens(
      () => Promise.resolve(issue(`token-${++requests}`, now + 1000)),
      () => now,
    );
    await tokens.get(signal);

    now = 999;
    await tokens.get(signal);
    now = 1000;
    const renewed = await tokens.get(signal);

    expect(requests).toBe(2);
    expect(renewed.value.reveal()).toBe('token-2');
  });

  it('are only dropped while they are current', async () => {
    let requests = 0;
    const tokens = createTokens(
      () => Promise.resolve(issue(`token-${++requests}`, 1000)),
      () => 0,
    );
    const first = await tokens.get(signal);

    tokens.drop(first);
    const second = await tokens.get(signal);
    tokens.drop(first);

    expect(await tokens.get(signal)).toBe(second);
  });

  it('are requested again after a failed request', async () => {
    let requests = 0;
    const tokens = createTokens(
      () =>
        ++requests === 1
          ? Promise.reject(new FetchError('unavailable', 'down'))
          : Promise.resolve(issue('good', 1000)),
      () => 0,
    );

    await expect(tokens.get(signal)).rejects.toThrow('down');

    expect((await tokens.get(signal)).value.reveal()).toBe('good');
  });

  it('are still requested for one caller when another cancels', async () => {
    const first = new AbortController();
    let requests = 0;
    const tokens = createTokens(
      (by) => {
        requests++;
        return by === first.signal
          ? new Promise((_, reject) =>
              by.addEventListener('abort', () => reject(new FetchError('cancelled', 'cancelled'))),
            )
          : Promise.resolve(issue('good', 1000));
      },
      () => 0,
    );

    const ends = Promise.allSettled([tokens.get(first.signal), tokens.get(signal), tokens.get(signal)]);
    first.abort();
    const [cancelled, ...others] = await ends;

    expect(cancelled.status).toBe('rejected');
    expect(others.map((end) => end.status)).toEqual(['fulfilled', 'fulfilled']);
    expect(requests).toBe(2);
  });
});

it.each([
  { seconds: 7200, renewed: 6900 },
  { seconds: 600, renewed: 300 },
  { seconds: 60, renewed: 30 },
])('a token of $seconds s is renewed after $renewed s', ({ seconds, renewed }) => {
  expect(renewAt(5000, seconds)).toBe(5000 + renewed * 1000);
});
