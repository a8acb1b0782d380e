import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { projections } from './projections/index.js';
import { type ReadModel, type RegistrationFilter } from './read-model.js';
import { SqlReadModel } from './sql-read-model.js';
import { type Statement } from './sql/database.js';
import { sqliteFile } from './sql/sqlite.js';
import { assigned, History, refused } from './under-test/histories.js';
import { type Opened, openedIn, temporaryFolder } from './under-test/opened.js';

const devices = 100_000;
const perPage = 5_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let opened: Opened;
let explaining: DatabaseSync;
/** Reads like the other one, and notes what it asks. */
let readModel: ReadModel;
let asked: Statement[];

beforeAll(async () => {
  folder = await temporaryFolder();
  opened = await openedIn(folder.path);
  const history = new History();
  for (let page = 0; page < devices / perPage; page += 1) {
    const ids = Array.from({ length: perPage }, (_, index) => `device-${(page * perPage + index) * 7919}`);
    history.decide(ids.map((id, index) => (index % 100 === 0 ? refused(id) : assigned(id, `hub-${index % 10}`))));
  }
  await opened.projecting.apply(history.events, history.position);
  await opened.database.createIndexes(projections.flatMap(({ tables }) => tables));
  explaining = new DatabaseSync(join(folder.path, sqliteFile), { readOnly: true });
  const noting = {
    read: (statements: readonly Statement[]) => {
      asked.push(...statements);
      return opened.database.read(statements);
    },
  };
  readModel = new SqlReadModel(noting, opened.progress);
}, 60_000);

afterAll(async () => {
  explaining.close();
  await opened.close();
  await folder.remove();
});

const filters: RegistrationFilter[] = [
  {},
  { status: 'failed' },
  { hub: 'hub-1' },
  { hub: 'hub-1', status: 'assigned' },
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
      for (const { text, parameters } of asked) {
        const plan = explaining.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...parameters);
        for (const { detail } of plan) expect(detail).not.toMatch(/SCAN (registrations|enrollments)\b/);
      }
    }
  });

  it('sort nothing but a page', async () => {
    for (const filter of filters.filter(({ hub, status }) => !(hub && !status))) {
      asked = [];
      await readModel.registrations({ first: 100, after: 'device-5' }, filter);
      const plans = asked.map(({ text, parameters }) =>
        explaining.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...parameters),
      );
      for (const { detail } of plans.flat()) expect(detail).not.toMatch(/TEMP B-TREE/);
    }
  });

  it('find one row by its key', async () => {
    asked = [];
    await readModel.registration('device-7919');
    await readModel.enrollment('device-7919');
    for (const { text, parameters } of asked) {
      const plan = explaining.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...parameters);
      for (const { detail } of plan) expect(detail).toMatch(/SEARCH/);
    }
  });
});
