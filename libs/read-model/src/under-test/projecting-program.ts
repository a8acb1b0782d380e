// Projects a history into the place given, batch by batch and over and over where it left off, until it is killed.
// Says so after every batch taken over, while some are still being written.
import { opened } from './opened.js';
import { historyOf, numbersFrom } from './random-history.js';
import { type Place } from './storage.js';

const [place = '', seed = '1', count = '1000'] = process.argv.slice(2);
const batchSize = 3;

const { events } = historyOf(numbersFrom(Number(seed), Number(count)));
const { projecting, readModel } = await opened(JSON.parse(place) as Place);
const seen = readModel.position() ?? 0n;
const first = events.findIndex(({ position }) => position > seen);
for (let next = Math.max(0, first - 1); first >= 0 && next < events.length; next += batchSize) {
  const batch = events.slice(next, next + batchSize);
  await projecting.accept(batch, batch.at(-1)?.position ?? seen);
  process.send?.(next);
}
await projecting.settled();
process.disconnect();
process.exit(0);
