import { z } from 'zod';
import { StoreError } from '../store.ts';
import { identifier, influxql } from './influxql.ts';
import { compress, type Post } from './post.ts';
import type { QueryContext } from './read.ts';
import { victoriaDelete, victoriaExport } from './victoria-sums.ts';
import { deletePoints } from './remove.ts';
import { classifyResponse } from './write-outcome.ts';
import { withRetries } from './unavailable.ts';

const SCRATCH = 'tokentide_check';
const Values = z.object({ values: z.array(z.unknown()) });

/** How to read back from a kind of server, and how to clean up there; resolves to what stays behind. */
export interface SelfTest {
  find(value: number): Promise<boolean>;
  remove(): Promise<string[]>;
}

/** Writes one value to a selfTest measurement, reads it back and cleans up. Resolves to remarks. @throws StoreError */
export async function checkWrite(
  queryContext: QueryContext,
  post: Post,
  selfTest: SelfTest,
  value: number,
): Promise<string[]> {
  const { connection, retryPolicy } = queryContext;
  const { signal } = new AbortController();
  // Without a time: the server takes its own.
  const line = Buffer.from(`${SCRATCH} value=${value}i\n`);
  const outcome = await withRetries(
    async () => classifyResponse(await post(await compress(line), signal), connection),
    retryPolicy,
    signal,
  );
  if (outcome.kind !== 'accepted') {
    const message = `${connection.description} refused a point of ${SCRATCH}: ${outcome.reason}`;
    throw new StoreError('config', message, { hint: `remove the measurement ${SCRATCH}` });
  }
  if (!(await selfTest.find(value))) {
    const message = `${connection.description} took a point of ${SCRATCH} and does not give it back`;
    throw new StoreError('config', message, {
      hint: 'check that reads and writes go to the same place, and how long it keeps data',
    });
  }
  return selfTest.remove();
}

export function influxSelfTest(queryContext: QueryContext): SelfTest {
  const { version } = queryContext.connection;
  return {
    async find(value) {
      const statement = `SELECT "value" FROM ${identifier(SCRATCH)} WHERE "value" = ${value}`;
      return (await influxql(queryContext, statement)).length > 0;
    },
    async remove() {
      // 1.x asks for the rights of an administrator to drop a measurement, but not for its series.
      if (version === '1') await influxql(queryContext, `DROP SERIES FROM ${identifier(SCRATCH)}`);
      else if (version === '2') await deletePoints(queryContext, `_measurement="${SCRATCH}"`);
      else return [`${SCRATCH} stays: InfluxDB 3 deletes no points`];
      return [];
    },
  };
}

function addValues(found: Set<unknown>, document: unknown): void {
  const { values } = Values.parse(document);
  for (const value of values) found.add(value);
}

export function victoriaSelfTest(queryContext: QueryContext, separator: string): SelfTest {
  const selector = { 'match[]': `${SCRATCH}${separator}value` };
  return {
    async find(value) {
      const found = await victoriaExport(queryContext, selector, () => new Set<unknown>(), addValues);
      return found.has(value);
    },
    async remove() {
      try {
        await victoriaDelete(queryContext, selector);
        return [];
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        return [`${SCRATCH} stays: VictoriaMetrics asks for its -deleteAuthKey to remove it`];
      }
    },
  };
}
