import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { contentsOf, opened } from './under-test/opened.js';
import { historyOf, numbersFrom } from './under-test/random-history.js';
import { SourceProcess } from './under-test/source-process.js';
import { type Storage } from './under-test/storage.js';

const seed = 11;
const count = 40_000;
/** Batches taken over before each kill. */
const kills = [1, 7, 40, 3, 90];

/** What is left when the projector is killed at any moment. */
export function describeCrashContract(name: string, create: () => Promise<Storage>): void {
  describe(`Crash contract: ${name}`, () => {
    let storage: Storage;
    let other: Storage;

    beforeEach(async () => {
      storage = await create();
      other = await create();
    });

    afterEach(async () => {
      await storage.remove();
      await other.remove();
    });

    it('gives the tables of a rebuild from zero, though killed again and again while projecting', async () => {
      const { events, position } = historyOf(numbersFrom(seed, count));
      const positions: (bigint | null)[] = [];
      for (const batches of kills) {
        const args = [JSON.stringify(storage.place), String(seed), String(count)];
        const child = new SourceProcess('under-test/projecting-program.ts', args);
        expect(await child.messages(batches)).toBeGreaterThanOrEqual(batches);
        await child.kill();
        const { readModel, close } = await opened(storage.place);
        positions.push(readModel.position());
        await close();
      }
      // Each life went on from the one before, and the last one was killed before the end.
      expect(positions).toEqual([...positions].sort((a, b) => Number((a ?? 0n) - (b ?? 0n))));
      expect(positions.at(-1)).toBeGreaterThan(0n);
      expect(positions.at(-1)).toBeLessThan(position);

      const continued = await opened(storage.place);
      await continued.projecting.apply(events, position);
      const rebuilt = await opened(other.place);
      await rebuilt.projecting.apply(events, position);
      expect(await contentsOf(continued.database)).toBe(await contentsOf(rebuilt.database));
      await continued.close();
      await rebuilt.close();
    }, 90_000);
  });
}
