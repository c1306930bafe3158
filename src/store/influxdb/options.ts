import type { Secret } from '../../lib/secret.ts';
import type { DeadLetters } from '../dead-letters.ts';

export type InfluxVersion = '1' | '2' | '3' | 'victoriametrics';

/** Where the points go and how to get in. Which of these a server takes depends on its version. */
export interface InfluxTarget {
  /** Without credentials, without a slash at the end. */
  readonly url: string;
  /** Absent where the server is to be asked. */
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
  /** Keeps what the server refuses for good. */
  readonly deadLetters: DeadLetters;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Resolves after `ms`; may reject as soon as the signal fires. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** For the reads; the global one by default. */
  readonly fetch?: typeof globalThis.fetch;
  /** For one write, its answer included; 10 s by default. A read has a minute at least. */
  readonly timeoutMs?: number;
  /** Requests per chunk at most, while the server cannot take it; 5 by default. A read has 3 at most. */
  readonly attempts?: number;
  readonly log?: Log;
}

/** As pino has it. */
export interface Log {
  warn(details: object, message: string): void;
}
