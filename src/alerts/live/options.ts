import type { IncidentEvent } from '../../ledger/incidents.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Store } from '../../store/store.ts';
import type { Tags } from '../../usage/point.ts';
import type { Bucket } from '../../windows/window.ts';
import type { WorkCalendar } from '../calendar.ts';
import type { Rules } from '../rules.ts';

/** The part of a job that judging needs. */
export interface JudgedJob {
  readonly name: string;
  readonly provider: { readonly id: string };
  readonly account: string;
  readonly bucket: Bucket;
  readonly zone: string;
  readonly lookback: number;
}

export interface JudgingOptions {
  readonly jobs: readonly JudgedJob[];
  readonly ledger: Pick<Ledger, 'checkpoints' | 'commit' | 'incidents' | 'state'>;
  readonly store: Pick<Store, 'overwrites' | 'points' | 'write'>;
  readonly zone: string;
  readonly calendar: WorkCalendar;
  readonly rulesFor: (account: Tags) => Rules;
  /** Unix seconds. */
  readonly now: () => number;
  /** Called within the commit that enters the change: what it writes to the ledger is entered with it, or not at all. */
  readonly notify?: (event: IncidentEvent) => void;
  readonly onError: (job: string, error: unknown) => void;
}
