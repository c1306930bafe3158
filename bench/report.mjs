import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import Table from 'cli-table3';

/**
 * @typedef {object} Row
 * @property {string} what
 * @property {string} measured
 * @property {string} target
 * @property {boolean} met
 */

/** The machine, without names and paths. */
export function describeMachine() {
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} cores of ${cpus()[0].model.trim()}, ${memory} GB, ${process.platform}, Node ${process.versions.node}, load ${loadavg()[0].toFixed(1)} when it began`;
}

function verdict(target, met) {
  if (target === '') return '';
  return met ? 'met' : '**missed**';
}

/** @param {readonly Row[]} rows */
export function toTable(rows) {
  const table = new Table({ head: ['', 'measured', 'target', ''], style: { head: [], border: [] } });
  for (const { what, measured, target, met } of rows)
    table.push([what, measured, target, verdict(target, met)]);
  return table.toString();
}

/** @param {readonly Row[]} rows */
export function toMarkdown(rows, machine) {
  const lines = rows.map(
    ({ what, measured, target, met }) => `| ${what} | ${measured} | ${target} | ${verdict(target, met)} |`,
  );
  return `# Performance

Written by \`npm run bench\`. Every contender works on the same usage and runs in turn with the others, several
rounds each; the figures are medians, ratios are taken within a round. Before anything is timed, whatever was sent is
counted and added up: a sum that is wrong by one fails the bench.

Machine: ${machine}.

| | measured | target | |
|---|---|---|---|
${lines.join('\n')}

What is measured:

- **Serialise**: points of 3,000 series, 6 tags and 5 fields each, some 240 bytes a line, to bytes of line protocol; against
  \`Point\` of \`@influxdata/influxdb-client\`, chained as its documentation shows.
- **Answer to acknowledged write**: the text of a vendor's answers, parsed (integers above 2^53 kept exact), validated, made
  into points, serialised, compressed, sent to a server on loopback in another process, acknowledged. The client's default
  path starts from the same text, validated by the same schema, and hands its points to \`writePoints\` with default options;
  it is over when all points are acknowledged.
- **OverflowPart of the bare limit**: how near that comes to \`JSON.parse\`, one string concatenation per line and gzip of the
  same bytes on one core, without any check, point or network.
- **Unchanged poll**: CPU of one poll of Volcengine Ark over HTTP, 3,000 series in 20 calls after 10 that list the
  endpoints, when the answer is what is stored already; polled every minute for most of an hour. Below it: the same 30
  calls without anything around them, which no collector can go below.
- **Back-fill**: resident memory of \`tokentide backfill\` over a million points of 3,000 series, 14 days by the hour;
  \`growth\` compares the last quarter of the time with the second.
- **Idle**: resident memory of \`tokentide run\` after it has collected a day of 150 series, 40 s into waiting for its next
  poll. Below it: a process that has made one call, formatted one time in a zone and opened a database in memory. More
  than half of both are pages of Node's own program file.
- **Start**: from the start of the process of \`tokentide run\` to its first request to a vendor.

Polls, memory and start are those of \`npm start\`, with its limits to the heap: [operations](operations.md#memory).

What bounds them, where a target is missed:

- **Serialise** and **start** follow the speed of the core: compare the client's Point in the same run, and \`node -e 0\`.
- **Answer to acknowledged write**: parsing and validation, which both paths do alike, are half of ours.
- **Unchanged poll**: the vendor's calls alone take more than the target where a core is slow. Most of the rest is
  reading and checking the answers, and the collection of what that leaves; a heap without limits takes a third off it
  ([decision 21](decisions/0021-limits-to-the-heap.md)).
- **Idle**: what no collector can do without is the larger part of it.
- **Start**: half of it is the loading of modules.
`;
}
