import type { Provider } from './provider.ts';
import { sigcal } from './sigcal/index.ts';
import { ucloud } from './ucloud/index.ts';
import { volcengineArk } from './volcengine-ark/index.ts';

/** Every provider there is; a test compares the list with the folders. */
export const PROVIDERS: readonly Provider[] = [ucloud, sigcal, volcengineArk];
