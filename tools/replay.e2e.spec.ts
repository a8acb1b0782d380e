import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Allocator, ConfigurationView } from '@berth/allocator';
import { type ConfigurationEvent, type DecisionsRecorded, type LedgerEvent } from '@berth/domain';
import { type BerthEvent, EventStore, noStream, type StoredEvent, streams } from '@berth/event-store';
import { startEventStoreNode } from '@berth/event-store-node';
import { openEmbeddedLog, registrationRecord, releaseRecord, topics } from '@berth/registration-log';
import { MasterKey } from '@berth/secrets';
import { enrollmentData, eventually } from '@berth/testing';
import { execFile } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('replay.ts', import.meta.url));
const runMs = 60_000;
const idScope = '0ne0REPLAY';
const source = '/gateways/one';
const at = '2026-01-01T00:00:00.000Z';
const metadata = { correlationId: 'spec', actor: 'spec', at };
const key = randomBytes(32);
const masterKeyBytes = randomBytes(32);

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-replay-'));
  await onStores(decideSomething);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function onStores(work: (store: EventStore) => Promise<void>): Promise<void> {
  const node = await startEventStoreNode({ dataFolder: join(folder, 'event-store') });
  const store = new EventStore(node.connectionString);
  await work(store);
  await store.close();
  await node.stop();
}

async function decideSomething(store: EventStore): Promise<void> {
  const log = await openEmbeddedLog({ dataFolder: folder, partitions: 1 });
  const masterKey = new MasterKey(masterKeyBytes);
  const dataKey = masterKey.newDataKey();
  const sealed = masterKey.seal(key, dataKey.key);
  const append = (stream: string, event: BerthEvent) => store.append(stream, [event], noStream, metadata);
  await append(streams.deployment, { type: 'DeploymentFounded', v: 1, data: { idScope } });
  for (const name of ['hub-a', 'hub-b']) {
    const data = { name, weight: 1, capacity: 5, region: null, connection: null };
    await append(streams.hub(name), { type: 'HubLinked', v: 1, data });
  }
  await append(streams.dataKey(dataKey.event.data.keyId), dataKey.event);
  const attestation = { type: 'symmetricKey' as const, primary: sealed, secondary: sealed };
  const enrolled: ConfigurationEvent[] = [
    { type: 'EnrollmentCreated', v: 2, data: enrollmentData('keyed', source, { attestation }) },
    { type: 'EnrollmentCreated', v: 2, data: enrollmentData('trusted', source) },
  ];
  await append(streams.enrollment('keyed'), enrolled[0]!);
  await append(streams.enrollment('trusted'), enrolled[1]!);
  const view = new ConfigurationView(store, masterKey);
  const allocator = new Allocator({ log, store, view, idScope, name: 'spec', now: () => Date.now(), wait });
  await allocator.start();
  const expiry = Math.floor(Date.now() / 1000) + 3600;
  const signed = createHmac('sha256', key).update(`${idScope}/registrations/keyed\n${expiry}`).digest('base64');
  const token = `SharedAccessSignature sr=${idScope}/registrations/keyed&sig=${encodeURIComponent(signed)}&skn=registration&se=${expiry}`;
  const wish = (registrationId: string, requestId: string) =>
    registrationRecord(
      {
        requestId,
        source,
        registrationId,
        attestation: registrationId === 'keyed' ? { type: 'symmetricKey', token } : { type: 'gateway' },
      },
      at,
    );
  const release = releaseRecord({ registrationId: 'trusted', requestId: 'release', actor: 'operator' }, at);
  const messages = [wish('keyed', '1'), wish('trusted', '2'), release, wish('trusted', '3'), wish('ghost', '4')];
  await log.publish(topics.registrations, messages);
  await eventually(
    'all answers',
    async () => (await log.read(topics.assignments, 0, 0, 100)).length === messages.length,
  );
  await allocator.stop();
  await view.stop();
  await log.close();
}

function run(...args: string[]): Promise<{ code: number; output: string }> {
  const env = {
    PATH: process.env['PATH'],
    BERTH_DATA: folder,
    BERTH_MASTER_KEY: masterKeyBytes.toString('base64'),
    BERTH_PARTITIONS: '1',
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env, timeout: runMs }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, output: stdout + stderr });
    });
  });
}

describe('npm run replay', () => {
  it('says which arguments it wants', async () => {
    expect(await run()).toMatchObject({ code: 2, output: expect.stringContaining('--partition P') });
    expect(await run('--partition', 'x')).toMatchObject({ code: 2 });
  });

  it('finds a ledger the same byte for byte, from its messages and from itself', async () => {
    const { code, output } = await run('--partition', '0');
    expect(output).toContain('The same, byte for byte.');
    expect(output).toMatch(/[1-9] {2}pages decided again from their messages/);
    expect(output).toMatch(/1 {2}releases decided again/);
    expect(output).not.toContain('attestations taken');
    expect(code).toBe(0);
    const fromLedger = await run('--partition', '0', '--from-ledger');
    expect(fromLedger.output).toMatch(/[1-9] {2}pages decided again from what the ledger says/);
    expect(fromLedger.output).toMatch(/4 {2}attestations taken as the ledger has them/);
    expect(fromLedger).toMatchObject({ code: 0, output: expect.stringContaining('The same, byte for byte.') });
  });

  it('says where a ledger that nobody could have decided so is different, and what to do', async () => {
    await onStores(async (store) => {
      const events: StoredEvent<LedgerEvent>[] = [];
      for await (const stored of store.read<LedgerEvent>(streams.ledger(0))) events.push(stored);
      const last = events.at(-1)!;
      const page = last.event.data as DecisionsRecorded;
      const [outcome] = page.outcomes as [DecisionsRecorded['outcomes'][0]];
      // As if a message had been decided that never came.
      const outcomes = [{ ...outcome, registrationId: 'keyed', offset: 5 }];
      const forged = { ...page, firstOffset: 5, lastOffset: 5, outcomes };
      await store.append(
        streams.ledger(0),
        [{ type: 'DecisionsRecorded', v: 1, data: forged }],
        last.revision,
        metadata,
      );
    });
    const { code, output } = await run('--partition', '0');
    expect(code).toBe(1);
    expect(output).toContain('DIFFERENT at event');
    expect(output).toContain('raise algorithmBuild');
  });

  it('says that a folder has no event store in it', async () => {
    const wrong = await new Promise<string>((resolve) => {
      const env = { PATH: process.env['PATH'], BERTH_DATA: join(folder, 'nowhere') };
      execFile(process.execPath, [program, '--partition', '0'], { env, timeout: runMs }, (_error, _out, stderr) =>
        resolve(stderr),
      );
    });
    expect(wrong).toContain('There is no event store in');
  });
});
