import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Starts a script of this folder in a process of its own. */
export function start(script, args = [], options = {}) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return fork(path, args, { execArgv: [], serialization: 'advanced', ...options });
}

/** The next message of a child. @throws Error when it ends instead */
export async function nextMessage(child) {
  const over = new AbortController();
  const { signal } = over;
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`${child.spawnargs.slice(1).join(' ')} ended with ${code}`);
  });
  try {
    return (await Promise.race([once(child, 'message', { signal }), ended]))[0];
  } finally {
    ended.catch(() => {});
    over.abort();
  }
}

export function stop(child) {
  if (child.connected) child.disconnect();
}
