import type { PanelReference } from './rule.ts';

const overview = (id: number): PanelReference => ({ dashboard: 'tokentide-overview', id });

/** The panels that alerts open; test/grafana/alert-rules.test.ts checks that they exist. */
export const CHARTS = {
  accounts: overview(10),
  models: overview(11),
  users: overview(20),
  keys: overview(21),
  modelTable: overview(30),
  days: overview(40),
  dataAge: overview(7),
  difference: overview(8),
} as const satisfies Record<string, PanelReference>;
