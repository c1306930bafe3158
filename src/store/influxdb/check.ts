import { StoreError } from '../store.ts';
import { identifier, influxql } from './influxql.ts';
import { compress, type Post } from './post.ts';
import type { Reading } from './read.ts';
import { victoriaDelete, victoriaExport } from './victoria-sums.ts';
import { deletePoints } from './remove.ts';
import { judge } from './write-outcome.ts';
import { withRetries } from './unavailable.ts';

const SCRATCH = 'tokentide_check';

/** How to read back from a kind of server, and how to clean up there; resolves to what stays behind. */
export interface Scratch {
  find(value: number): Promise<boolean>;
  remove(): Promise<string[]>;
}

/** Writes one value to a scratch measurement, reads it back and cleans up. Resolves to remarks. @throws StoreError */
export async function checkWrite(
  reading: Reading,
  post: Post,
  scratch: Scratch,
  value: number,
): Promise<string[]> {
  const { connection, patience } = reading;
  const { signal } = new AbortController();
  // Without a time: the server takes its own.
  const line = Buffer.from(`${SCRATCH} value=${value}i\n`);
  const verdict = await withRetries(
    async () => judge(await post(await compress(line), signal), connection),
    patience,
    signal,
  );
  if (verdict.kind !== 'accepted') {
    const message = `${connection.description} refused a point of ${SCRATCH}: ${verdict.reason}`;
    throw new StoreError('config', message, { hint: `remove the measurement ${SCRATCH}` });
  }
  if (!(await scratch.find(value))) {
    const message = `${connection.description} took a point of ${SCRATCH} and does not give it back`;
    throw new StoreError('config', message, {
      hint: 'check that reads and writes go to the same place, and how long it keeps data',
    });
  }
  return scratch.remove();
}

export function influxScratch(reading: Reading): Scratch {
  const { version } = reading.connection;
  return {
    async find(value) {
      const statement = `SELECT "value" FROM ${identifier(SCRATCH)} WHERE "value" = ${value}`;
      return (await influxql(reading, statement)).length > 0;
    },
    async remove() {
      // 1.x asks for the rights of an administrator to drop a measurement, but not for its series.
      if (version === '1') await influxql(reading, `DROP SERIES FROM ${identifier(SCRATCH)}`);
      else if (version === '2') await deletePoints(reading, `_measurement="${SCRATCH}"`);
      else return [`${SCRATCH} stays: InfluxDB 3 deletes no points`];
      return [];
    },
  };
}

export function victoriaScratch(reading: Reading, separator: string): Scratch {
  const selector = { 'match[]': `${SCRATCH}${separator}value` };
  return {
    async find(value) {
      const text = await victoriaExport(reading, selector);
      return new RegExp(`[[,]${value}[\\],]`).test(text);
    },
    async remove() {
      try {
        await victoriaDelete(reading, selector);
        return [];
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        return [`${SCRATCH} stays: VictoriaMetrics asks for its -deleteAuthKey to remove it`];
      }
    },
  };
}
