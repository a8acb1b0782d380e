import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projections } from './projections/index.js';
import { type ReadModel, type RegistrationFilter } from './read-model.js';
import { SqlReadModel } from './sql-read-model.js';
import { type Statement } from './sql/database.js';
import { assigned, History, refused } from './under-test/histories.js';
import { type Opened, opened as openedAt } from './under-test/opened.js';
import { type Place, type Storage } from './under-test/storage.js';

/** Says how a database would answer, step by step. */
export interface Explainer {
  plan(statement: Statement): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** A step that reads every row of a table that grows with the devices, in the words of SQLite and of PostgreSQL. */
const walkOfTheTable = /(SCAN|Seq Scan on) registrations\b/;
const devices = 100_000;
const perPage = 5_000;

/** Lists and look-ups must not read whole tables, whatever they are narrowed by. */
export function describeQueryPlansContract(
  name: string,
  create: () => Promise<Storage>,
  openExplainer: (place: Place) => Promise<Explainer>,
): void {
  describe(`Query plans: ${name}`, () => {
    let storage: Storage;
    let opened: Opened;
    let explainer: Explainer;
    /** Reads like the other one, and notes what it asks. */
    let readModel: ReadModel;
    let asked: Statement[];

    beforeAll(async () => {
      storage = await create();
      opened = await openedAt(storage.place);
      const history = new History();
      for (let page = 0; page < devices / perPage; page += 1) {
        const ids = Array.from({ length: perPage }, (_, index) => `device-${(page * perPage + index) * 7919}`);
        const groupOf = (index: number) => (index % 50 === 1 ? 'line-7' : null);
        history.decide(
          ids.map((id, index) => (index % 100 === 0 ? refused(id) : assigned(id, `hub-${index % 10}`, groupOf(index)))),
        );
      }
      await opened.projecting.apply(history.events, history.position);
      await opened.database.createIndexes(projections.flatMap(({ tables }) => tables));
      explainer = await openExplainer(storage.place);
      const noting = {
        read: (statements: readonly Statement[]) => {
          asked.push(...statements);
          return opened.database.read(statements);
        },
      };
      readModel = new SqlReadModel(noting, opened.progress);
    }, 60_000);

    afterAll(async () => {
      await explainer.close();
      await opened.close();
      await storage.remove();
    });

    const filters: RegistrationFilter[] = [
      {},
      { status: 'failed' },
      { hub: 'hub-1' },
      { hub: 'hub-1', status: 'assigned' },
      { enrollmentGroup: 'line-7' },
      { enrollmentGroup: 'line-7', status: 'assigned' },
      { registrationIdPrefix: 'device-5' },
      { registrationIdPrefix: 'device-5', hub: 'hub-1' },
      { registrationIdPrefix: 'device-5', status: 'failed' },
    ];
    const requests = [
      { first: 100 },
      { first: 100, after: 'device-5' },
      { last: 100, before: 'device-5' },
      { first: 100, after: 'device-2', before: 'device-5' },
    ];

    describe('queries at 100,000 rows', () => {
      it.each(filters)('walk along an index when narrowed by %j', async (filter) => {
        for (const request of requests) {
          asked = [];
          await readModel.registrations(request, filter);
          for (const statement of asked) {
            for (const step of await explainer.plan(statement)) expect(step).not.toMatch(walkOfTheTable);
          }
        }
      });

      it('find one row by its key', async () => {
        asked = [];
        await readModel.registration('device-7919');
        for (const statement of asked) {
          for (const step of await explainer.plan(statement)) expect(step).not.toMatch(walkOfTheTable);
        }
      });
    });
  });
}
