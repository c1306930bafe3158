import { nextMessage, start, stop } from './child.mjs';

/** Starts the sink in a process of its own. */
export async function startSink() {
  const child = start('sink-server.mjs');
  const ask = (message) => {
    child.send(message);
    return nextMessage(child);
  };
  const url = await nextMessage(child);
  return { url, reset: () => ask('reset'), totals: () => ask('totals'), close: () => stop(child) };
}
