import type { Provider } from './provider.ts';
import { r9s } from './r9s/index.ts';
import { sigcal } from './sigcal/index.ts';
import { trae } from './trae/index.ts';
import { ucloud } from './ucloud/index.ts';
import { volcengineArk } from './volcengine-ark/index.ts';

/** All providers. A test compares the list with the folders. */
export const PROVIDERS: readonly Provider[] = [trae, ucloud, sigcal, r9s, volcengineArk];
