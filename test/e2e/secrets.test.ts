import { expect, test } from 'vitest';
import { FAULTS, rough } from '../../src/simulator/faults.ts';
import { createEvidence } from './support/evidence.ts';
import { GIVEN, runCommands, runDaemon, sent, setUpGuarded } from './support/guarded.ts';

test('no credential turns up anywhere when all is well', async () => {
  const { place, vendors } = await setUpGuarded();
  const evidence = createEvidence();

  // What only looks keeps its calls to itself, so it need not wait for the daemon.
  const looks = ['check', 'check --json', 'collect --dry-run', 'collect --dry-run --json'];
  await Promise.all([runDaemon(place, vendors, evidence), runCommands(place, evidence, looks)]);
  await runCommands(place, evidence, ['collect --json']);
  await runCommands(place, evidence, ['status --json', 'gaps', 'gaps --json', 'reconcile --json']);

  expect(sent(vendors).length).toBeGreaterThan(10);
  expect(evidence.search([...GIVEN, ...sent(vendors)])).toEqual([]);
}, 120_000);

test('nor when everything goes wrong', async () => {
  const { place, vendors } = await setUpGuarded();
  const evidence = createEvidence();
  // A request that hangs would hold up the others for longer than there is to see.
  const faults = FAULTS.filter((fault) => fault !== 'hang');
  for (const [index, { simulator }] of vendors.entries()) simulator.faults(rough(index, 0.7, faults));

  await runDaemon(place, vendors, evidence);
  await runCommands(place, evidence, ['check', 'collect --dry-run r9s ucloud', 'gaps']);

  expect(evidence.search([...GIVEN, ...sent(vendors)])).toEqual([]);
});
