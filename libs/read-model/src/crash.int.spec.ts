import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { contentsOf, openedIn, temporaryFolder } from './under-test/opened.js';
import { historyOf, numbersFrom } from './under-test/random-history.js';
import { SourceProcess } from './under-test/source-process.js';

const seed = 11;
const count = 40_000;
/** Batches taken over before each kill. */
const kills = [1, 7, 40, 3, 90, 25];

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let other: Awaited<ReturnType<typeof temporaryFolder>>;

beforeEach(async () => {
  folder = await temporaryFolder();
  other = await temporaryFolder();
});

afterEach(async () => {
  await folder.remove();
  await other.remove();
});

it('gives the tables of a rebuild from zero, though killed again and again while projecting', async () => {
  const { events, position } = historyOf(numbersFrom(seed, count));
  const positions: (bigint | null)[] = [];
  for (const batches of kills) {
    const child = new SourceProcess('under-test/projecting-program.ts', [folder.path, String(seed), String(count)]);
    expect(await child.messages(batches)).toBeGreaterThanOrEqual(batches);
    await child.kill();
    const { readModel, close } = await openedIn(folder.path);
    positions.push(readModel.position());
    await close();
  }
  // Each life went on from the one before, and the last one was killed before the end.
  expect(positions).toEqual([...positions].sort((a, b) => Number((a ?? 0n) - (b ?? 0n))));
  expect(positions.at(-1)).toBeGreaterThan(0n);
  expect(positions.at(-1)).toBeLessThan(position);

  const continued = await openedIn(folder.path);
  await continued.projecting.apply(events, position);
  const rebuilt = await openedIn(other.path);
  await rebuilt.projecting.apply(events, position);
  expect(await contentsOf(continued.database)).toBe(await contentsOf(rebuilt.database));
  await continued.close();
  await rebuilt.close();
}, 60_000);
