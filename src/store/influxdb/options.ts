import type { Secret } from '../../lib/secret.ts';
import type { Catalogue } from '../../usage/catalogue.ts';
import type { DeadLetters } from '../dead-letters.ts';

export type InfluxVersion = '1' | '2' | '3' | 'victoriametrics';

/** Address and credentials of a server. Which settings it needs depends on its version. */
export interface InfluxTarget {
  /** Without credentials, without a slash at the end. */
  readonly url: string;
  /** If absent, the server is asked. */
  readonly version?: InfluxVersion;
  readonly org?: string;
  readonly bucket?: string;
  readonly token?: Secret;
  readonly database?: string;
  readonly retentionPolicy?: string;
  readonly username?: string;
  readonly password?: Secret;
}

export interface InfluxOptions extends InfluxTarget {
  /** Keeps the points that the server rejects permanently. */
  readonly deadLetters: DeadLetters;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Resolves after `ms`; may reject as soon as the signal fires. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** For reads; the global one by default. */
  readonly fetch?: typeof globalThis.fetch;
  /** Of one write, including the answer; 10 s by default. Reads have at least 60 s. */
  readonly timeoutMs?: number;
  /** Attempts per chunk while the server is unavailable; 5 by default, at most 3 for reads. */
  readonly attempts?: number;
  readonly log?: Log;
  /** The measurements of the points; those of tokentide by default. */
  readonly catalogue?: Catalogue;
}

/** The part of pino's logger that is used. */
export interface Log {
  warn(details: object, message: string): void;
}
