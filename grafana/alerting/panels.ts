import type { PanelReference } from './rule.ts';

const on =
  (board: string) =>
  (id: number, title: string): PanelReference => ({ dashboard: `tokentide-${board}`, id, title });
const overview = on('overview');
const members = on('members');
const health = on('health');

/** What "View panel" of an alert opens. */
export const PANELS = {
  accounts: overview(10, 'Tokens by provider'),
  models: overview(11, 'Tokens by model'),
  modelTable: overview(30, 'Models'),
  days: overview(50, 'Tokens per day by provider'),
  users: members(20, 'Tokens by user'),
  keys: members(21, 'Tokens by key'),
  dataAge: health(22, 'Data age at the polls'),
  requests: health(31, 'Requests by result'),
  rejected: health(33, 'Rejected, discarded, different'),
  openGaps: health(40, 'Open gaps over time'),
  expiredGaps: health(41, 'Expired gaps over time'),
  waiting: health(43, 'Points that wait'),
  lateness: health(44, 'Lateness and look-back'),
  difference: health(51, 'Difference over time'),
} as const satisfies Record<string, PanelReference>;
