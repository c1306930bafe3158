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

/** Reads the test value back from a kind of server, and removes it. */
export interface SelfTest {
  find(value: number): Promise<boolean>;
  /** @returns remarks on what could not be removed */
  remove(): Promise<string[]>;
}

/** Writes one value to a scratch measurement, reads it back and removes it. @returns remarks @throws StoreError */
export async function checkWrite(
  queryContext: QueryContext,
  post: Post,
  selfTest: SelfTest,
  value: number,
): Promise<string[]> {
  const { connection, retryPolicy } = queryContext;
  const { signal } = new AbortController();
  // Without a timestamp: the server uses its own clock.
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
    const message = `${connection.description} accepted a point of ${SCRATCH} but does not return it`;
    throw new StoreError('config', message, {
      hint: 'check that reads and writes use the same database, and its retention',
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
      // In 1.x only an administrator may drop a measurement, but a user may drop its series.
      if (version === '1') await influxql(queryContext, `DROP SERIES FROM ${identifier(SCRATCH)}`);
      else if (version === '2') await deletePoints(queryContext, `_measurement="${SCRATCH}"`);
      else return [`the point of ${SCRATCH} remains: InfluxDB 3 cannot delete points`];
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
        return [`the point of ${SCRATCH} remains: VictoriaMetrics requires its -deleteAuthKey to remove it`];
      }
    },
  };
}
