import { openLedgerFile } from '../runtime.ts';
import { incidentNamed } from './alerts-incident.ts';
import type { CommandContext } from './context.ts';
import { EXIT } from './output.ts';

export interface LabelArguments {
  readonly id: string;
  readonly label: 'expected' | 'real';
}

/** `tokentide alerts label`: what a person says of an incident. The collector follows it after its next poll. */
export async function alertsLabelCommand(
  { settings, now, out }: CommandContext,
  { id, label }: LabelArguments,
): Promise<number> {
  const ledger = openLedgerFile(settings);
  try {
    ledger.commit(() => {
      const incident = incidentNamed(ledger, id);
      const at = Math.floor(now() / 1000);
      ledger.incidents.put({ ...incident, label: { as: label, at, value: incident.value } });
    });
    out(
      label === 'expected'
        ? `${id} is expected: this series does not raise an alert again at that size\n`
        : `${id} is real: this series raises alerts as before\n`,
    );
    return EXIT.success;
  } finally {
    ledger.close();
  }
}
