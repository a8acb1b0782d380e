import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventStore, noStream } from '@berth/event-store';
import { type EventStoreNode, startEventStoreNode } from '@berth/event-store-node';
import { eventually } from '@berth/testing';
import pg from 'pg';
import { describeCrashContract } from '../crash.contract.js';
import { openReadModel } from '../open-read-model.js';
import { describeProjectingContract } from '../projections/projecting.contract.js';
import { describeProjectorContract } from '../projector.contract.js';
import { describeQueryPlansContract } from '../query-plans.contract.js';
import { describeReadModelContract } from '../read-model.contract.js';
import { assigned, pageOf } from '../under-test/histories.js';
import { describeNotRun } from '../under-test/not-run.contract.js';
import { contentsOf, opened } from '../under-test/opened.js';
// eslint-disable-next-line @nx/enforce-module-boundaries -- a tool of the workspace, which belongs to no project
import { findPostgres, type OwnPostgres, startOwnPostgres } from '../../../../tools/postgres.js';
import { folderStorage, schemaStorage } from '../under-test/storage.js';
import { describeDatabaseContract } from './database.contract.js';

const deadlineMs = 30_000;
const isCi = process.env['CI'] === 'true';
const metadata = { correlationId: 'c', actor: 'spec', at: '2026-01-01T00:00:00.000Z' };

const postgres = await findPostgres(process.env['BERTH_DATABASE_URL']);
if ('missing' in postgres) {
  describeNotRun('ReadModel contract: PostgreSQL', postgres.missing, isCi);
} else {
  const create = () => schemaStorage(postgres.url);
  afterAll(() => postgres.stop());
  describeDatabaseContract('PostgreSQL', create);
  describeProjectingContract('PostgreSQL', create);
  describeReadModelContract('PostgreSQL', create);
  describeProjectorContract('PostgreSQL', create);
  describeCrashContract('PostgreSQL', create);
  describeQueryPlansContract('PostgreSQL', create, async (place) => {
    const client = new pg.Client(postgres.url);
    await client.connect();
    await client.query(`SET search_path = ${'schema' in place ? place.schema : ''}`);
    return {
      async plan({ text, parameters }) {
        let number = 0;
        const numbered = text.replaceAll('?', () => `$${(number += 1)}`);
        const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${numbered}`, [...parameters]);
        return rows.map((row) => row['QUERY PLAN']);
      },
      close: () => client.end(),
    };
  });
}

const own = await startOwnPostgres();
if ('missing' in own) describeNotRun('Processes that share a read model', own.missing, isCi);
else describeSharing(own);

function describeSharing(server: OwnPostgres): void {
  describe('Processes that share a read model', () => {
    let folder: Awaited<ReturnType<typeof folderStorage>>;
    let storage: Awaited<ReturnType<typeof schemaStorage>>;
    let node: EventStoreNode;
    let store: EventStore;
    let revision: number;

    beforeEach(async () => {
      folder = await folderStorage();
      storage = await schemaStorage(server.url);
      node = await startEventStoreNode({ dataFolder: folder.place.dataFolder });
      store = new EventStore(node.connectionString);
      revision = noStream;
    });

    afterEach(async () => {
      await store.close();
      await node.stop();
      await storage.remove();
      await folder.remove();
    });

    afterAll(() => server.stop());

    /** A page with one more device. */
    async function append(): Promise<bigint> {
      const data = pageOf([assigned(`device-${revision + 1}`, 'hub-a')]);
      const appended = await store.append('ledger-0', [{ type: 'DecisionsRecorded', v: 1, data }], revision, metadata);
      ({ revision } = appended);
      return appended.position;
    }

    const connected = async <T>(run: (client: pg.Client) => Promise<T>): Promise<T> => {
      const client = new pg.Client(server.url);
      await client.connect();
      try {
        return await run(client);
      } finally {
        await client.end();
      }
    };

    it('see what one of them projects, as soon as it is there', async () => {
      const projecting = await openReadModel(storage.place);
      const reading = await openReadModel(storage.place);
      projecting.projector.start(store);
      for (let count = 1; count <= 5; count += 1) {
        expect(await reading.readModel.reached(await append(), deadlineMs)).toBe(true);
        expect((await reading.readModel.registrations({})).totalCount).toBe(count);
      }
      await projecting.close();
      await reading.close();
    });

    it('leave the projecting to one, and another goes on when it ends', async () => {
      const first = await openReadModel(storage.place);
      const second = await openReadModel(storage.place);
      first.projector.start(store);
      await first.projector.caughtUp;
      second.projector.start(store);
      expect(await second.readModel.reached(await append(), deadlineMs)).toBe(true);
      expect(first.projector.isStandingBy).toBe(false);
      expect(second.projector.isStandingBy).toBe(true);
      await first.close();
      expect(await second.readModel.reached(await append(), deadlineMs)).toBe(true);
      expect(second.projector.isStandingBy).toBe(false);
      await second.close();
    });

    it('lose nothing and repeat nothing when the connection of the one that projects is cut', async () => {
      const { projector, readModel, close } = await openReadModel(storage.place);
      projector.start(store);
      await projector.caughtUp;
      for (let round = 0; round < 3; round += 1) {
        await append();
        await connected((client) =>
          client.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'berth' AND pid <> pg_backend_pid()",
          ),
        );
        expect(await readModel.reached(await append(), deadlineMs)).toBe(true);
      }
      expect((await readModel.hubLoads()).map(({ devices }) => devices)).toEqual([6]);
      await close();
    });

    it('say that the database is away, and go on by themselves when it is back', async () => {
      const { projector, readModel, close } = await openReadModel(storage.place);
      projector.start(store);
      expect(await readModel.reached(await append(), deadlineMs)).toBe(true);
      await server.kill();
      const position = await append();
      await expect(readModel.registrations({})).rejects.toMatchObject({
        code: 'READ_MODEL_UNAVAILABLE',
        retriable: true,
      });
      expect(await readModel.reached(position, 50)).toBe(false);
      await server.restart();
      expect(await readModel.reached(position, deadlineMs)).toBe(true);
      const loads = await eventually('the read model answers again', () => readModel.hubLoads());
      expect(loads).toMatchObject([{ hub: 'hub-a', devices: 2 }]);
      await close();
    }, 60_000);

    it('write nothing any more, once another has moved on', async () => {
      const one = await opened(storage.place);
      await connected((client) =>
        client.query(`UPDATE ${storage.place.schema}.projections SET position = '7' WHERE name = 'hubs'`),
      );
      const before = await contentsOf(one.database);
      await append();
      await expect(one.projecting.apply([], 100n)).rejects.toMatchObject({ code: 'PROJECTOR_FENCED', retriable: true });
      expect(await contentsOf(one.database)).toBe(before);
      await one.close();
    });

    it('do not start without the database, and keep its password to themselves', async () => {
      const opening = openReadModel({ databaseUrl: 'postgres://berth:top-secret@127.0.0.1:1/berth' });
      await expect(opening).rejects.toMatchObject({ code: 'READ_MODEL_UNAVAILABLE', retriable: true });
      await expect(opening).rejects.not.toThrow('top-secret');
    });
  });
}
