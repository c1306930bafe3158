// Stands in for InfluxDB 2: takes every write at once and counts only when asked, so that it costs the bench nothing.
import { createServer } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { createTally } from './workload.mjs';

let bodies = [];

const server = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const { pathname } = new URL(request.url, 'http://sink');
    if (pathname.endsWith('/write')) {
      const body = Buffer.concat(parts);
      bodies.push({ body, gzip: request.headers['content-encoding'] === 'gzip' });
      response.writeHead(204).end();
    } else if (pathname === '/ping' || pathname === '/health') {
      response.writeHead(200, { 'content-type': 'application/json', 'x-influxdb-version': 'v2.7.12' });
      response.end(JSON.stringify({ name: 'influxdb', status: 'pass', version: 'v2.7.12' }));
    } else {
      response.writeHead(404).end();
    }
  });
});

process.on('message', (message) => {
  if (message === 'reset') bodies = [];
  process.send(message === 'totals' ? totals() : 'ok');
});

function totals() {
  const tally = createTally();
  for (const { body, gzip } of bodies) tally.add((gzip ? gunzipSync(body) : body).toString());
  return tally.truth();
}

server.listen(0, '127.0.0.1', () => process.send(`http://127.0.0.1:${server.address().port}`));
process.on('disconnect', () => process.exit());
