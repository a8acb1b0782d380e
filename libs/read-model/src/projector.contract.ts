import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventStore, noStream, type BerthEvent } from '@berth/event-store';
import { type EventStoreNode, startEventStoreNode } from '@berth/event-store-node';
import { eventually } from '@berth/testing';
import { type OpenReadModel, openReadModel } from './open-read-model.js';
import { Progress } from './progress.js';
import { projections } from './projections/index.js';
import { Projector } from './projector.js';
import { assigned, pageOf, reassigned } from './under-test/histories.js';
import { folderStorage, openDatabase, type Storage } from './under-test/storage.js';

const metadata = { correlationId: 'c', actor: 'spec', at: '2026-01-01T00:00:00.000Z' };
const linked = (name: string): BerthEvent => ({
  type: 'HubLinked',
  v: 1,
  data: { name, weight: 1, capacity: null, region: null, connection: null },
});
const page = (...args: Parameters<typeof pageOf>): BerthEvent => ({
  type: 'DecisionsRecorded',
  v: 1,
  data: pageOf(...args),
});
const deadlineMs = 10_000;

/** A projector between a real event store and any database. */
export function describeProjectorContract(name: string, create: () => Promise<Storage>): void {
  describe(`Projector contract: ${name}`, () => {
    let folder: Awaited<ReturnType<typeof folderStorage>>;
    let storage: Storage;
    let node: EventStoreNode;
    let store: EventStore;
    let opened: OpenReadModel;

    beforeEach(async () => {
      folder = await folderStorage();
      storage = await create();
      node = await startEventStoreNode({ dataFolder: folder.place.dataFolder });
      store = new EventStore(node.connectionString);
      opened = await openReadModel(storage.place);
    });

    afterEach(async () => {
      await opened.close();
      await store.close();
      await node.stop();
      await storage.remove();
      await folder.remove();
    });

    async function reopened(): Promise<void> {
      await opened.close();
      opened = await openReadModel(storage.place);
    }

    describe('a projector behind a real event store', () => {
      it('shows what was there, then what comes, and goes on after a restart', async () => {
        await store.append('hub-hub-a', [linked('hub-a')], noStream, metadata);
        const { position } = await store.append('ledger-0', [page([assigned('one', 'hub-a')])], noStream, metadata);
        opened.projector.start(store);
        await opened.projector.caughtUp;
        expect(opened.projector.position).toBeGreaterThanOrEqual(position);
        expect(await opened.readModel.registration('one')).toMatchObject({
          hub: 'hub-a',
          decision: { position: String(position) },
        });

        const next = await store.append('hub-hub-b', [linked('hub-b')], noStream, metadata);
        expect(await opened.readModel.reached(next.position, deadlineMs)).toBe(true);
        expect(await opened.readModel.hub('hub-b')).toMatchObject({ state: 'open', version: 0 });

        await reopened();
        expect(opened.readModel.position()).toBeGreaterThanOrEqual(next.position);
        const moved = await store.append('ledger-0', [page([reassigned('one', 'hub-a', 'hub-b')])], 0, metadata);
        expect(await opened.readModel.reached(moved.position, 1)).toBe(false);
        opened.projector.start(store);
        expect(await opened.readModel.reached(moved.position, deadlineMs)).toBe(true);
        expect(await opened.readModel.hubLoads()).toMatchObject([
          { hub: 'hub-a', devices: 0 },
          { hub: 'hub-b', devices: 1 },
        ]);
      });

      it('is woken by positions of streams it does not show', async () => {
        opened.projector.start(store);
        let last = 0n;
        for (let key = 0; key < 600; key += 1) {
          const created: BerthEvent = {
            type: 'DataKeyCreated',
            v: 1,
            data: { keyId: String(key), wrapped: 'w' } as never,
          };
          last = (await store.append(`dataKey-${key}`, [created], noStream, metadata)).position;
        }
        const shown = await store.append('hub-hub-a', [linked('hub-a')], noStream, metadata);
        expect(shown.position).toBeGreaterThan(last);
        expect(await opened.readModel.reached(last, deadlineMs)).toBe(true);
      });

      it('follows a page of a thousand decisions in one go', async () => {
        const outcomes = Array.from({ length: 1000 }, (_, index) => assigned(`device-${index}`, `hub-${index % 3}`));
        opened.projector.start(store);
        const { position } = await store.append('ledger-3', [page(outcomes)], noStream, metadata);
        expect(await opened.readModel.reached(position, deadlineMs)).toBe(true);
        expect((await opened.readModel.registrations({ first: 1 })).totalCount).toBe(1000);
      });

      it('lags by the age of what is not written yet, and not at all once everything is', async () => {
        const database = await openDatabase(storage.place);
        const before = await database.prepare(projections);
        let held = Promise.resolve();
        let letGo = () => {};
        const write = database.write.bind(database);
        // Those that wait for the same promise go on in the order in which they came, as writes have to.
        database.write = async (changes) => {
          await held;
          await write(changes);
        };
        const projector = new Projector(database, projections, new Progress(before[0]?.position ?? null));
        try {
          expect(projector.lagMs).toBeNull();
          projector.start(store);
          await eventually('showing everything', () => projector.lagMs === 0);
          held = new Promise((resolve) => (letGo = resolve));
          const appendedAfter = Date.now();
          await store.append('ledger-0', [page([assigned('one', 'hub-a')])], noStream, metadata);
          await eventually('some lag', () => Number(projector.lagMs) > 50);
          expect(projector.lagMs).toBeLessThanOrEqual(Date.now() - appendedAfter);
          letGo();
          await eventually('showing everything again', () => projector.lagMs === 0);
        } finally {
          letGo();
          await projector.stop();
          await database.close();
        }
        expect(projector.lagMs).toBeNull();
      });

      it('closes once, however often it is asked to', async () => {
        opened.projector.start(store);
        await Promise.all([opened.close(), opened.close()]);
        await opened.close();
      });

      it('fails loudly at an event it cannot read', async () => {
        await store.append('hub-hub-a', [{ ...linked('hub-a'), v: 99 } as never], noStream, metadata);
        opened.projector.start(store);
        await expect(opened.projector.failed).rejects.toMatchObject({ code: 'EVENT_UNREADABLE' });
      });
    });
  });
}
