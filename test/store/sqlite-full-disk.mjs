// Writes until the file may not grow any more, then says what became of the last write.
import { openSqliteStore } from '../../build/store/sqlite.js';

const store = openSqliteStore(process.argv[2]);
let written = 0;
for (let batch = 0; ; batch++) {
  const points = Array.from({ length: 5000 }, (_, i) => ({
    time: batch * 3600,
    tags: { provider: 'trae', user: `user-${i}` },
    fields: { requests: i },
  }));
  const { accepted, kept, error } = await store.write(batch === 0 ? points.slice(0, 100) : points);
  written += accepted;
  if (!error) continue;
  const again = await store.write(points.slice(0, 1)).catch((thrown) => ({ accepted: 0, error: thrown }));
  written += again.accepted;
  const result = { accepted, kept: kept.length, kind: error.kind, message: error.message, hint: error.hint };
  process.stdout.write(JSON.stringify({ written, result, again: again.error?.message }));
  break;
}
