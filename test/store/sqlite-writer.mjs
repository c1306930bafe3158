// Writes batch after batch into the store until it is killed, and says which batch was acknowledged.
import { openSqliteStore } from '../../build/store/sqlite.js';

const [path, first, size] = process.argv.slice(2);
const store = openSqliteStore(path);
for (let batch = Number(first); ; batch++) {
  const points = Array.from({ length: Number(size) }, (_, i) => ({
    time: batch * 3600,
    tags: { provider: 'trae', account: 'a', user: `user-${i}`, model: `batch-${batch % 3}` },
    fields: { input_tokens: batch * 1000 + i, requests: 1 },
  }));
  const { accepted } = await store.write(points);
  if (accepted !== points.length) throw new Error(`accepted ${accepted}`);
  process.stdout.write(`${batch}\n`);
}
