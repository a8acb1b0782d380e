import { EventStore, streams } from '@berth/event-store';
import { topics } from '@berth/registration-log';
import { type Pattern, keepPatterns } from './patterns.ts';
import type { World } from './world.ts';

const outcomesMin = 100;

/** Keeps what the allocator has made for the pipes; it must have decided something in every partition. */
export async function learnPatterns({ folder, eventStoreUrl, partitions, log }: World): Promise<void> {
  const store = new EventStore(eventStoreUrl);
  const patterns: Pattern[] = [];
  for (let partition = 0; partition < partitions; partition += 1) {
    const answers = await log.read(topics.assignments, partition, 0, 1000);
    for await (const { event } of store.read(streams.ledger(partition), { backwards: true })) {
      if (event.type !== 'DecisionsRecorded' || event.data.outcomes.length < outcomesMin) continue;
      patterns.push({ page: event.data, answers });
      break;
    }
  }
  await store.close();
  keepPatterns(folder, patterns);
}
