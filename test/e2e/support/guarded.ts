import { PLAINTEXT_KEY } from '../../../src/simulator/ucloud.ts';
import { until, urlOf } from '../../support/process.ts';
import type { Evidence } from './evidence.ts';
import { behindGateway, type Gateway } from './gateway.ts';
import { createPlace, type Place } from './place.ts';
import { anHourAgo, DAY, startVendor, VENDORS, type Vendor, type VendorId } from './vendor.ts';

const CREDENTIALS = {
  traeAppSecret: 'canary-of-trae-app-secret',
  ucloudPrivateKey: 'canary-of-ucloud-private-key',
  sigcalPrivateKey: 'canary-of-sigcal-private-key',
  r9sManagementKey: 'sk_mg_canary-of-r9s',
  arkSecretAccessKey: 'canary-of-ark-secret-access-key',
};
const SESSION_TOKEN = 'canary-of-ark-session-token';
const PSEUDONYM_KEY = 'canary-of-pseudonym-key';
/** Every kind of credential that a job has, with values that are easy to recognise. */
export const GIVEN = [...Object.values(CREDENTIALS), SESSION_TOKEN, PSEUDONYM_KEY, PLAINTEXT_KEY];

export type Limited = Vendor & { readonly gateway: Gateway };

/** All five vendors, behind gateways that see what is sent, and a place with a job for each. */
export async function setUpGuarded(): Promise<{ place: Place; vendors: Limited[] }> {
  const place = createPlace();
  const end = anHourAgo();
  const usage = { start: end - DAY, end };
  const vendors = await Promise.all(
    VENDORS.map(async (id) => behindGateway(await startVendor(id, usage, CREDENTIALS))),
  );
  const extra: Partial<Record<VendorId, object>> = {
    trae: { bucket: '1d', pseudonymise_users: { key: '${TOKENTIDE_PSEUDONYM_KEY}' } },
  };
  for (const vendor of vendors) {
    const options =
      vendor.id === 'volcengine-ark'
        ? { ...vendor.options, session_token: '${VOLCENGINE_SESSION_TOKEN}' }
        : vendor.options;
    place.addJob({ ...vendor, options }, { start: end - DAY, ...extra[vendor.id] });
  }
  Object.assign(place.env, {
    TOKENTIDE_PSEUDONYM_KEY: PSEUDONYM_KEY,
    VOLCENGINE_SESSION_TOKEN: SESSION_TOKEN,
    TOKENTIDE_LOG_LEVEL: 'trace',
    TOKENTIDE_TIMEOUT: '2s',
  });
  return { place, vendors };
}

/** What went over the wire to let us in: tokens that were issued, signatures that were made. */
export function sent(vendors: readonly Limited[]): string[] {
  const asked = vendors.flatMap(({ gateway }) => gateway.asked);
  const texts = asked.flatMap(({ url, headers, body, answer }) => [
    ...[url, body].map((text) => /[?&]Signature=([0-9a-f]+)/.exec(text)?.[1]),
    /Signature=([0-9a-f]+)/.exec(headers.authorization ?? '')?.[1],
    /^Bearer (.+)/.exec(headers.authorization ?? '')?.[1],
    /"access_token":"([^"]+)"/.exec(answer?.body ?? '')?.[1],
  ]);
  return [...new Set(texts.filter((text) => text !== undefined))];
}

/** A daemon from its start to its stop, with a look at its pages and files while it polls. */
export async function runDaemon(
  place: Place,
  vendors: readonly Limited[],
  evidence: Evidence,
): Promise<void> {
  const before = vendors.map(({ gateway }) => gateway.asked.length);
  const daemon = place.start(['run']);
  const url = await urlOf(daemon);
  const asked = (vendor: Limited, index: number): boolean => vendor.gateway.asked.length > before[index]!;
  await until('every vendor has been asked', () => vendors.every(asked), { by: daemon });
  await evidence.pages(url);
  evidence.files(place);
  daemon.kill('SIGTERM');
  evidence.said('run', await daemon.ended);
  evidence.files(place);
}

export async function runCommands(
  place: Place,
  evidence: Evidence,
  commands: readonly string[],
): Promise<void> {
  const run = async (command: string): Promise<void> =>
    evidence.said(command, await place.run(command.split(' ')));
  await Promise.all(commands.map(run));
  evidence.files(place);
}
