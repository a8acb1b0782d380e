import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@berth/testing';
import { missingKafka } from '../kafka/jars.ts';
import { Allocators, partitions } from './allocators.ts';

const capacity = 1000;
/** A killed process has its partitions until its session ends, after 30 s. */
const takeOverMs = 120_000;
const suiteMs = 300_000;
const devicesOf = (kind: string, count: number) => Array.from({ length: count }, (_, device) => `${kind}-${device}`);

const missing = await missingKafka();
if (missing !== null && !process.env['CI']) {
  describe('four allocators', () => it.skip(`did not run: ${missing}`, () => undefined));
} else {
  describe(`four allocators on ${partitions} partitions, each a process, on real Kafka`, () => {
    let allocators: Allocators;

    beforeAll(async () => {
      allocators = await Allocators.begin();
      // The topics are made by the first that comes.
      await allocators.start();
      await Promise.all([1, 2, 3].map(() => allocators.start()));
    }, suiteMs);

    afterAll(() => allocators?.stop(), suiteMs);

    /** Resolves when all that was sent is decided. */
    const decided = async (messages: number) => {
      const { account } = allocators;
      await eventually(`${messages} decisions`, () => account.decided >= messages, takeOverMs).catch(
        (error: unknown) => {
          console.log(`${account.decided} decided of ${messages}\n${allocators.lastWords()}`);
          throw error;
        },
      );
    };

    it(
      'fill a hub of 1,000 places to the last one and not beyond, though the one that leased last is killed',
      async () => {
        const { account } = allocators;
        const devices = devicesOf('press', 1300);
        await allocators.link('full', capacity);
        await allocators.enroll(devices);
        const begun = Date.now();
        const registering = allocators.register(devices);
        await eventually('half of the places taken', () => account.load('full') >= capacity / 2, takeOverMs);
        const killed = { load: account.load('full'), name: account.books.by };
        await allocators.kill(Number(killed.name.split('/').at(-1)));
        await registering;
        let messages = devices.length;
        await decided(messages);
        const atFirst = account.load('full');
        // Whoever was refused asks again, as devices do: the dead one's places are free once its partitions have heirs.
        const until = Date.now() + takeOverMs;
        let rounds = 0;
        for (; account.load('full') < capacity && Date.now() < until; rounds += 1) {
          const again = [...account.refused.keys()];
          await allocators.register(again);
          await decided((messages += again.length));
        }
        console.log(
          `${killed.name} killed at ${killed.load} of ${capacity} places; ${atFirst} taken when all ${devices.length} devices ` +
            `were decided, ${account.load('full')} after those refused had asked again ${rounds} times; ` +
            `at most ${account.most.get('full')}; ${account.books.written} times the book was written; ${Date.now() - begun} ms`,
        );
        expect(account.most.get('full')).toBe(capacity);
        expect(account.load('full')).toBe(capacity);
        expect(account.refused.size).toBe(devices.length - capacity);
      },
      suiteMs,
    );

    it(
      'spread devices over three hubs to within 1 % of the mean from 10,000 devices on, while a partition changes hands',
      async () => {
        const { account } = allocators;
        const devices = devicesOf('even', 15_000);
        for (const hub of ['even-a', 'even-b', 'even-c']) await allocators.link(hub, null);
        await allocators.enroll(devices);
        const before = account.decided;
        const registering = allocators.register(devices);
        await allocators.start();
        await registering;
        await decided(before + devices.length);
        const later = account.moments.filter((moment) => moment.devices >= 10_000);
        const widest = later.reduce((a, b) => (a.gap / a.devices > b.gap / b.devices ? a : b));
        const part = (3 * widest.gap) / widest.devices;
        console.log(
          `From fullest to emptiest at most ${widest.gap} devices at ${widest.devices}, ${(100 * part).toFixed(2)} % of the mean ` +
            `(${later.length} pages looked at); at the end ${account.moments.at(-1)?.gap}; ${account.reports} loads reported`,
        );
        expect(part).toBeLessThanOrEqual(0.01);
      },
      suiteMs,
    );
  });
}
