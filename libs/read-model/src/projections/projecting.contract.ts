import { describe, expect, it } from '@jest/globals';
import { type StoredEvent } from '@berth/event-store';
import fc from 'fast-check';
import { type ReadModel, type RegistrationRow } from '../read-model.js';
import { type Database } from '../sql/database.js';
import { devicesByHub, foldRegistrations } from '../under-test/fold.js';
import { History, assigned } from '../under-test/histories.js';
import { contentsOf, opened as openedAt, type Opened } from '../under-test/opened.js';
import { type Place, type Storage } from '../under-test/storage.js';
import { historyOf, numbersFrom } from '../under-test/random-history.js';
import { projections } from './index.js';
import { type Projection } from './projection.js';
import { packedRegistration } from './registration-doc.js';

/** How events become rows, whatever database the rows are in. */
export function describeProjectingContract(name: string, create: () => Promise<Storage>): void {
  describe(`Projecting contract: ${name}`, () => {
    const anyHistory = fc
      .array(fc.nat({ max: 1_000_000 }), { minLength: 20, maxLength: 400, size: 'max' })
      .map((choices) => historyOf(choices).events);

    /** Runs with a place of its own. */
    async function inPlace<T>(run: (place: Place) => Promise<T>): Promise<T> {
      const storage = await create();
      try {
        return await run(storage.place);
      } finally {
        await storage.remove();
      }
    }

    async function withReadModel<T>(
      place: Place,
      run: (opened: Opened) => Promise<T>,
      own: readonly Projection[] = projections,
    ): Promise<T> {
      const opened = await openedAt(place, own);
      try {
        return await run(opened);
      } finally {
        await opened.close();
      }
    }

    const lastOf = (events: readonly StoredEvent[]) => events.at(-1)?.position ?? 0n;

    async function rebuilt(events: readonly StoredEvent[]): Promise<string> {
      return inPlace((place) =>
        withReadModel(place, async ({ projecting, database }) => {
          await projecting.apply(events, lastOf(events));
          return contentsOf(database);
        }),
      );
    }

    /** Hub sets that are kept, and those that a registration names. */
    async function hubSetsOf(database: Database): Promise<{ kept: string[]; named: string[] }> {
      const all = (table: string) => ({ text: `SELECT key, doc FROM ${table} ORDER BY key`, parameters: [] });
      const [sets = [], registrations = []] = await database.read(['hub_sets', 'registrations'].map(all));
      const named = registrations.flatMap(
        ({ key, doc }) => packedRegistration.read(String(doc), String(key)).decision.hubSet ?? [],
      );
      return { kept: sets.map(({ key }) => String(key)), named: [...new Set(named)].sort() };
    }

    async function allRegistrations(readModel: ReadModel): Promise<RegistrationRow[]> {
      const rows: RegistrationRow[] = [];
      for (;;) {
        const page = await readModel.registrations({ first: 5, after: rows.at(-1)?.registrationId });
        rows.push(...page.rows);
        if (!page.hasNextPage) return rows;
      }
    }

    describe('projecting any history', () => {
      it('gives the registrations of a plain fold, with the decisions as the domain explains them', async () => {
        await fc.assert(
          fc.asyncProperty(anyHistory, async (events) => {
            await inPlace((place) =>
              withReadModel(place, async ({ projecting, readModel, database }) => {
                await projecting.apply(events, lastOf(events));
                const expected = [...foldRegistrations(events)]
                  .sort(([a], [b]) => (a < b ? -1 : 1))
                  .map(([, row]) => row);
                expect(await allRegistrations(readModel)).toEqual(expected);
                const { kept, named } = await hubSetsOf(database);
                expect(kept).toEqual(named);
                const loads = (await readModel.hubLoads()).filter(({ devices }) => devices > 0);
                expect(new Map(loads.map(({ hub, devices }) => [hub.toLowerCase(), devices]))).toEqual(
                  devicesByHub(expected),
                );
              }),
            );
          }),
          { numRuns: 12, endOnFailure: true },
        );
      });

      it('gives the same tables however it is cut into batches, and when batches come again', async () => {
        const deliveries = fc.array(fc.record({ size: fc.integer({ min: 1, max: 7 }), back: fc.nat({ max: 5 }) }), {
          minLength: 100,
          maxLength: 100,
        });
        await fc.assert(
          fc.asyncProperty(anyHistory, deliveries, async (events, cuts) => {
            const incremental = await inPlace((place) =>
              withReadModel(place, async ({ projecting, database }) => {
                let next = 0;
                for (let index = 0; next < events.length; index += 1) {
                  const { size, back } = cuts[index % cuts.length] ?? { size: 1, back: 0 };
                  const batch = events.slice(Math.max(0, next - back), next + size);
                  // Not waiting for the write: batches overlap as they do behind a subscription.
                  await projecting.accept(batch, lastOf(batch));
                  next += size;
                }
                await projecting.settled();
                return contentsOf(database);
              }),
            );
            expect(incremental).toBe(await rebuilt(events));
          }),
          { numRuns: 12, endOnFailure: true },
        );
      });

      it.each(projections.map(({ name }) => name))(
        'rebuilds %s alone, and the others keep what they have',
        async (name) => {
          const { events } = historyOf(numbersFrom(8, 3000));
          await inPlace(async (place) => {
            const before = await withReadModel(place, async ({ projecting, database }) => {
              await projecting.apply(events, lastOf(events));
              return contentsOf(database);
            });
            const changed = projections.map((it) => (it.name === name ? { ...it, version: it.version + 1 } : it));
            const untouched = projections.filter((it) => it.name !== name);
            await withReadModel(
              place,
              async ({ projecting, database, readModel }) => {
                expect(readModel.position()).toBeNull();
                const emptied = await contentsOf(database);
                expect(emptied).not.toBe(before);
                const kept = await contentsOf(database, untouched);
                expect(before).toContain(kept.split('\n')[0]);
                for (const event of events) await projecting.accept([event], event.position);
                await projecting.settled();
                expect(await contentsOf(database)).toBe(before);
                expect(await contentsOf(database, untouched)).toBe(kept);
              },
              changed,
            );
          });
        },
      );
    });

    describe('projecting', () => {
      it('moves on without events, and wakes who waits for that', async () => {
        await inPlace((place) =>
          withReadModel(place, async ({ projecting, readModel }) => {
            expect(readModel.position()).toBeNull();
            const waiting = readModel.reached(500n, 10_000);
            await projecting.apply([], 400n);
            expect(readModel.position()).toBe(400n);
            expect(await readModel.reached(401n, 5)).toBe(false);
            await projecting.apply([], 500n);
            expect(await waiting).toBe(true);
          }),
        );
      });

      it('goes on where it stopped, in another process just as well', async () => {
        const history = new History();
        history.link('hub-a');
        history.decide([assigned('one', 'hub-a')]);
        await inPlace(async (place) => {
          await withReadModel(place, ({ projecting }) => projecting.apply(history.events, history.position));
          const seen = history.position;
          history.decide([assigned('two', 'hub-a')]);
          await withReadModel(place, async ({ projecting, readModel }) => {
            expect(readModel.position()).toBe(seen);
            await projecting.apply(history.events, history.position);
            expect(await readModel.hubLoads()).toMatchObject([{ hub: 'hub-a', devices: 2 }]);
          });
        });
      });

      it('cuts a large delivery into transactions and shows each as it is written', async () => {
        const history = new History();
        const pageSize = 20_000;
        for (let page = 0; page < 3; page += 1) {
          history.decide(Array.from({ length: pageSize }, (_, index) => assigned(`device-${page}-${index}`, 'hub-a')));
        }
        await inPlace((place) =>
          withReadModel(place, async ({ projecting, progress, readModel }) => {
            const first = history.events[0]?.position ?? 0n;
            const shown = progress.reached(first, 20_000).then(() => progress.position);
            await projecting.apply(history.events, history.position);
            expect(await shown).toBe(first);
            expect((await readModel.registrations({ first: 1 })).totalCount).toBe(3 * pageSize);
          }),
        );
      });

      it('fails for good at an event it cannot take, and writes nothing after it', async () => {
        const history = new History();
        history.link('hub-a');
        const broken = {
          ...history.link('hub-b'),
          event: { type: 'HubLinked', v: 1, data: {} },
        } as unknown as StoredEvent;
        await inPlace((place) =>
          withReadModel(place, async ({ projecting, readModel }) => {
            await projecting.apply(history.events.slice(0, 1), 100n);
            await expect(projecting.apply([broken], 200n)).rejects.toThrow(TypeError);
            await expect(projecting.failed).rejects.toThrow(TypeError);
            await expect(projecting.apply([], 300n)).rejects.toThrow(TypeError);
            expect(readModel.position()).toBe(100n);
          }),
        );
      });
    });
  });
}
