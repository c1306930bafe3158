// Stands in for Volcengine Ark, answering GetUsage and ListEndpoints; says when each request came.
import { createServer } from 'node:http';
import { inputOf, outputOf, SCENES } from './vendor.mjs';

const HOUR = 3600;
const endpoints = Number(process.argv[2]);

const server = createServer((request, response) => {
  process.send({ requestedAt: Date.now() });
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const action = new URL(request.url, 'http://vendor').searchParams.get('Action');
    const body = JSON.parse(Buffer.concat(parts).toString());
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ ResponseMetadata: { RequestId: 'bench' }, Result: answer(action, body) }));
  });
});

function answer(action, body) {
  if (action === 'ListEndpoints') {
    const first = (body.PageNumber - 1) * body.PageSize;
    const length = Math.max(0, Math.min(body.PageSize, endpoints - first));
    const Items = Array.from({ length }, (_, i) => ({
      Id: idOf(first + i),
      ModelReference: { FoundationModel: { Name: `model-${(first + i) % 20}`, ModelVersion: '250905' } },
    }));
    return { TotalCount: endpoints, Items };
  }
  return {
    UsageResults: [
      { Name: 'PromptTokens', MetricItems: items(body, inputOf) },
      { Name: 'CompletionTokens', MetricItems: items(body, outputOf) },
    ],
  };
}

function items({ EndpointIds, StartTime, EndTime }, valueOf) {
  const first = Math.ceil(StartTime / HOUR) * HOUR;
  // Like the vendor, nothing of hours that have not begun.
  const last = Math.min(EndTime, Date.now() / 1000);
  return EndpointIds.flatMap((id) =>
    SCENES.map((scene, index) => {
      const Values = [];
      for (let time = first; time <= last; time += HOUR) {
        Values.push({ Timestamp: time, Value: valueOf(Number(id.slice(3)), index, time) });
      }
      return {
        Tags: [
          { Key: 'EndpointId', Value: id },
          { Key: 'Scene', Value: scene },
        ],
        Values,
      };
    }),
  );
}

function idOf(index) {
  return `ep-${String(index).padStart(5, '0')}`;
}

server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }));
process.on('disconnect', () => process.exit());
