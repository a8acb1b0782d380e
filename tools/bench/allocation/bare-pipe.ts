import { type EventStore, noStream } from '@berth/event-store';
import { type Batch, type BatchConsumer, type RegistrationLog, topics } from '@berth/registration-log';
import { madeAt } from './devices.ts';
import { answersOf, pageOf, type Pattern } from './patterns.ts';

const metadata = { correlationId: 'bench', actor: 'bench', at: madeAt };

/**
 * Does with a batch what the allocator does with it, by the same adapters, but for deciding: appends a page of as many outcomes,
 * publishes as many answers, commits. The bytes are those of the allocator's last page and first answers in the same partition.
 */
export class BarePipe implements BatchConsumer {
  private readonly revisions = new Map<number, number>();
  private readonly store: EventStore;
  private readonly log: RegistrationLog;
  private readonly patterns: readonly Pattern[];

  constructor(store: EventStore, log: RegistrationLog, patterns: readonly Pattern[]) {
    this.store = store;
    this.log = log;
    this.patterns = patterns;
  }

  assigned(): void {}
  revoked(): void {}

  async batch(batch: Batch): Promise<void> {
    const { partition, records } = batch;
    const pattern = this.patterns[partition]!;
    const event = { type: 'DecisionsRecorded', v: 1, data: pageOf(pattern, records.length) } as const;
    const expected = this.revisions.get(partition) ?? noStream;
    const { revision } = await this.store.append(`pipe-${partition}`, [event], expected, metadata);
    this.revisions.set(partition, revision);
    await this.log.publish(topics.assignments, answersOf(pattern, records.length));
    await batch.commit();
  }
}
