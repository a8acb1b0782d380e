import type { DecisionsRecorded } from '@berth/domain';
import { type EventStore, noStream, streams } from '@berth/event-store';
import { type Batch, type BatchConsumer, type LogRecord, type RegistrationLog, topics } from '@berth/registration-log';
import { madeAt } from './devices.ts';

/** What the allocator has left behind in one partition: the pipe's bytes. */
interface Pattern {
  page: DecisionsRecorded;
  answers: readonly LogRecord[];
}

const metadata = { correlationId: 'bench', actor: 'bench', at: madeAt };
const outcomesMin = 100;

/**
 * Does with a batch what the allocator does with it, but for deciding: appends a page of as many outcomes, publishes as many
 * answers, commits. The bytes are those of the allocator's last page and first answers in the same partition.
 */
export class BarePipe implements BatchConsumer {
  private readonly revisions = new Map<number, number>();
  private readonly store: EventStore;
  private readonly log: RegistrationLog;
  private readonly patterns: ReadonlyMap<number, Pattern>;

  private constructor(store: EventStore, log: RegistrationLog, patterns: ReadonlyMap<number, Pattern>) {
    this.store = store;
    this.log = log;
    this.patterns = patterns;
  }

  /** The allocator must have decided something in every partition. */
  static async learn(store: EventStore, log: RegistrationLog): Promise<BarePipe> {
    const partitions = await log.partitionCount(topics.assignments);
    const patterns = new Map<number, Pattern>();
    for (let partition = 0; partition < partitions; partition += 1) {
      const answers = await log.read(topics.assignments, partition, 0, 1000);
      for await (const { event } of store.read(streams.ledger(partition), { backwards: true })) {
        if (event.type !== 'DecisionsRecorded' || event.data.outcomes.length < outcomesMin) continue;
        patterns.set(partition, { page: event.data, answers });
        break;
      }
    }
    return new BarePipe(store, log, patterns);
  }

  assigned(): void {}
  revoked(): void {}

  async batch(batch: Batch): Promise<void> {
    const { partition, records } = batch;
    const { page, answers } = this.patterns.get(partition)!;
    const outcomes = records.map((_, index) => page.outcomes[index % page.outcomes.length]!);
    const event = { type: 'DecisionsRecorded', v: 1, data: { ...page, outcomes } } as const;
    const expected = this.revisions.get(partition) ?? noStream;
    const { revision } = await this.store.append(`pipe-${partition}`, [event], expected, metadata);
    this.revisions.set(partition, revision);
    await this.log.publish(
      topics.assignments,
      records.map((_, index) => answers[index % answers.length]!),
    );
    await batch.commit();
  }
}
