import { FetchError } from '../../fetch/errors.ts';
import type { Secret } from '../../lib/secret.ts';

export interface Token {
  readonly value: Secret;
  /** When to renew it, milliseconds since the epoch. */
  readonly renewAt: number;
}

/** The current token. Concurrent calls share one request for a new one. */
export interface Tokens {
  get(signal: AbortSignal): Promise<Token>;
  /** Discards a token that the vendor rejected, unless it was already replaced. */
  drop(token: Token | undefined): void;
}

const EARLY_MS = 5 * 60_000;

/** When to renew a token issued at `now`: five minutes early, or after half of a shorter lifetime. */
export function renewAt(now: number, seconds: number): number {
  const lifetime = seconds * 1000;
  return now + Math.max(lifetime - EARLY_MS, lifetime / 2);
}

export function createTokens(request: (signal: AbortSignal) => Promise<Token>, now: () => number): Tokens {
  let current: Token | undefined;
  let pending: Promise<Token> | undefined;

  async function renew(signal: AbortSignal): Promise<Token> {
    try {
      current = await request(signal);
      return current;
    } finally {
      pending = undefined;
    }
  }

  async function get(signal: AbortSignal): Promise<Token> {
    if (current && now() < current.renewAt) return current;
    const shared = pending;
    if (!shared) return (pending = renew(signal));
    try {
      return await shared;
    } catch (error) {
      // Another caller cancelled the shared request.
      if (error instanceof FetchError && error.kind === 'cancelled' && !signal.aborted) return get(signal);
      throw error;
    }
  }

  return {
    get,
    drop: (token) => {
      if (token === current) current = undefined;
    },
  };
}
