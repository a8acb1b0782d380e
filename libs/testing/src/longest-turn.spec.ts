import { expect, it } from '@jest/globals';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { longestTurnMs } from './longest-turn.js';

/** By processor time, however busy the machine is. */
function busyMs(ms: number): void {
  const { user, system } = process.threadCpuUsage();
  for (;;) {
    const now = process.threadCpuUsage();
    if (now.user + now.system - user - system >= 1000 * ms) return;
  }
}

it('the longest turn is what the work keeps the event loop from, without collections of garbage', async () => {
  const work = async () => {
    for (let turn = 0; turn < 5; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      busyMs(turn === 3 ? 60 : 5);
    }
  };
  const longest = await longestTurnMs(work, 0);
  expect(longest).toBeGreaterThan(40);
  expect(longest).toBeLessThan(200);

  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const garbage = Array.from({ length: 400_000 }, (_, index) => ({ index, text: [index] }));
  const collecting = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    const begun = performance.now();
    while (performance.now() - begun < 100) collect();
  };
  expect(await longestTurnMs(collecting, 30)).toBeLessThan(30);
  expect(garbage).toHaveLength(400_000);
});
