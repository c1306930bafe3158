import { join } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import { readSettings, type Settings } from '../../config/settings.ts';

/** The embedded store in the demo's own folder, whatever the environment says. */
export function demoSettings(env: Environment): Settings {
  const plain = Object.entries(env).filter(
    ([name]) => !name.startsWith('INFLUX_') && name !== 'TOKENTIDE_STORE',
  );
  const { listen = { host: '127.0.0.1', port: 0 }, ...settings } = readSettings(Object.fromEntries(plain));
  return { ...settings, listen, data: join(settings.data, 'demo') };
}
