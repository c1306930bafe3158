import type { Connection } from './connection.ts';
import { compress, type Post } from './post.ts';
import { Unavailable } from './unavailable.ts';
import { classifyResponse } from './write-outcome.ts';

/** A comment of line protocol: servers check login and database before they find that there is nothing to store. */
const NOTHING = Buffer.from('# nothing\n');
const KNOWN_FAULTS: ReadonlySet<number> = new Set([401, 403, 404]);

/**
 * Checks login and database without writing. A server that is down, or another error, is left to the first write.
 * @throws StoreError of kind `config`
 */
export async function probe(connection: Connection, post: Post): Promise<void> {
  try {
    const answer = await post(await compress(NOTHING), new AbortController().signal);
    if (KNOWN_FAULTS.has(answer.status)) classifyResponse(answer, connection);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
  }
}
