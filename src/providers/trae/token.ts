import { FetchError } from '../../fetch/errors.ts';
import type { Secret } from '../../lib/secret.ts';

export interface Token {
  readonly value: Secret;
  /** When a new one is got instead, milliseconds since the epoch. */
  readonly renewAt: number;
}

/** The token in use. Calls that need a new one at the same time share one request for it. */
export interface Tokens {
  get(signal: AbortSignal): Promise<Token>;
  /** Forgets a token that the vendor no longer takes; a newer one stays. */
  drop(token: Token | undefined): void;
}

const EARLY_MS = 5 * 60_000;

/** When to renew a token got at `now`: five minutes early, or half-way through a shorter life. */
export function renewAt(now: number, seconds: number): number {
  const lifetime = seconds * 1000;
  return now + Math.max(lifetime - EARLY_MS, lifetime / 2);
}

export function createTokens(request: (signal: AbortSignal) => Promise<Token>, now: () => number): Tokens {
  let current: Token | undefined;
  let underWay: Promise<Token> | undefined;

  async function renew(signal: AbortSignal): Promise<Token> {
    try {
      current = await request(signal);
      return current;
    } finally {
      underWay = undefined;
    }
  }

  async function get(signal: AbortSignal): Promise<Token> {
    if (current && now() < current.renewAt) return current;
    const shared = underWay;
    if (!shared) return (underWay = renew(signal));
    try {
      return await shared;
    } catch (error) {
      // Cancelled by the one who asked, which is not for this one to suffer.
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
