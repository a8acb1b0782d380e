import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type LedgerEvent } from '@berth/domain';
import { EventStore, noStream, streams } from '@berth/event-store';
import { type EventStoreNode, startEventStoreNode } from '@berth/event-store-node';
import { openEmbeddedLog, parseDeviceMessage, type RegistrationLog, topics } from '@berth/registration-log';
import { eventually } from '@berth/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReleaseRegistration, ReleaseRegistrationHandler } from './release-registration.js';

const at = '2026-11-23T04:00:00.000Z';
const origin = { correlationId: 'wish-1', actor: 'ops' };

let folder: string;
let node: EventStoreNode;
let store: EventStore;
let log: RegistrationLog;
let handler: ReleaseRegistrationHandler;
/** Of `ledger-0`. */
let revision = noStream;
let offset = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-release-'));
  node = await startEventStoreNode({ dataFolder: folder });
  store = new EventStore(node.connectionString);
  log = await openEmbeddedLog({ dataFolder: folder, partitions: 1 });
  handler = new ReleaseRegistrationHandler(store, log, { now: () => Date.parse(at) });
});

afterAll(async () => {
  await log?.close();
  await store?.close();
  await node?.stop();
  await rm(folder, { recursive: true, force: true });
});

const release = (registrationId: string, idempotencyKey: string | null = null) =>
  handler.execute(new ReleaseRegistration({ registrationId, idempotencyKey }, origin));

async function record(...events: LedgerEvent[]): Promise<bigint> {
  const appended = await store.append(streams.ledger(0), events, revision, { correlationId: 'x', actor: 'a', at });
  revision = appended.revision;
  return appended.position;
}

/** The newest message of the topic, once it is there. */
async function taken() {
  const [message] = await eventually('the message', async () => {
    const found = await log.read(topics.registrations, 0, offset, 1);
    return found.length > 0 ? found : null;
  });
  offset += 1;
  const parsed = parseDeviceMessage(message!);
  if (!parsed.ok || !('release' in parsed)) throw new Error('not a release');
  return { offset: message!.offset, ...parsed.release };
}

const outcome = (message: Awaited<ReturnType<typeof taken>>) => ({ generation: 1, at, ...message });

describe('a release', () => {
  it('is a message to the allocator of the device, and answers with what the ledger says of it', async () => {
    const releasing = release('Press-01');
    const message = await taken();
    expect(message).toMatchObject({ registrationId: 'Press-01', actor: 'ops' });
    await record({ type: 'PartitionClaimed', v: 1, data: { partition: 0, generation: 1, allocator: 'a', at } });
    const position = await record({ type: 'RegistrationReleased', v: 1, data: { ...outcome(message), hub: 'hub-a' } });
    expect(await releasing).toEqual({ ok: true, hub: 'hub-a', position });
  });

  it('of a device without a registration is refused', async () => {
    const releasing = release('press-02');
    const position = await record({ type: 'ReleaseRefused', v: 1, data: outcome(await taken()) });
    expect(await releasing).toEqual({
      ok: false,
      rejection: { kind: 'registrationNotFound', registrationId: 'press-02' },
      position,
    });
  });

  it('takes only its own outcome for an answer', async () => {
    const first = release('press-03');
    const ofFirst = await taken();
    const second = release('press-03');
    const ofSecond = await taken();
    await record({ type: 'RegistrationReleased', v: 1, data: { ...outcome(ofFirst), hub: 'hub-b' } });
    await record({ type: 'ReleaseRefused', v: 1, data: outcome(ofSecond) });
    expect([await first, await second]).toMatchObject([{ ok: true, hub: 'hub-b' }, { ok: false }]);
  });

  it('is the same wish under the same key of the same caller', async () => {
    const releasing = [release('press-04', 'k'), release('press-04', 'k'), release('press-04', 'l')];
    const messages = [await taken(), await taken(), await taken()];
    await record(...messages.map((it): LedgerEvent => ({ type: 'ReleaseRefused', v: 1, data: outcome(it) })));
    await Promise.all(releasing);
    const ids = messages.map(({ requestId }) => requestId);
    expect(new Set(ids).size).toBe(2);
  });

  it('of what can be no device is refused without asking anybody', async () => {
    expect(await release('no spaces')).toMatchObject({ ok: false, rejection: { kind: 'invalidRegistrationId' } });
    expect(await log.read(topics.registrations, 0, offset, 1)).toEqual([]);
  });

  it('that no allocator decides is said to be undecided', async () => {
    await expect(release('press-05')).rejects.toMatchObject({ code: 'RELEASE_UNDECIDED', retriable: true });
  });
});
