import type { Kafka, Producer, ProducerBatch, RecordMetadata } from 'kafkajs';
import { LogFault } from '../log-fault.js';

interface Incarnation {
  producer: Producer;
  ready: Promise<void>;
  users: number;
}

/**
 * kafkajs's idempotent producer, thrown away after every failure. Its numbers let the broker recognise what it has already when
 * kafkajs sends a request again; but a batch whose outcome stayed unknown leaves them one batch behind, and the broker would
 * then take the next batch for that one and drop it. A new producer has a new identity and starts counting anew.
 */
export class RenewedProducer {
  private readonly client: Kafka;
  private current: Incarnation | undefined;

  constructor(client: Kafka) {
    this.client = client;
  }

  async connect(): Promise<void> {
    const incarnation = this.incarnation();
    try {
      await incarnation.ready;
    } catch (error) {
      this.discard(incarnation);
      throw error;
    }
  }

  async sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]> {
    const incarnation = this.incarnation();
    incarnation.users += 1;
    try {
      await incarnation.ready;
      return await incarnation.producer.sendBatch(batch);
    } catch (error) {
      if (this.current === incarnation) this.current = undefined;
      throw error;
    } finally {
      incarnation.users -= 1;
      if (incarnation !== this.current) this.discard(incarnation);
    }
  }

  async disconnect(): Promise<void> {
    const last = this.current;
    this.current = undefined;
    await last?.producer.disconnect();
  }

  private incarnation(): Incarnation {
    if (this.current) return this.current;
    const producer = this.client.producer({
      allowAutoTopicCreation: false,
      idempotent: true,
      createPartitioner: () => placedAlready,
    });
    this.current = { producer, ready: producer.connect(), users: 0 };
    // Whoever sends awaits it; a failure while nobody does is met by the next one who sends.
    this.current.ready.catch(() => undefined);
    return this.current;
  }

  private discard(incarnation: Incarnation): void {
    if (this.current === incarnation) this.current = undefined;
    // It is given up: whether it says goodbye properly does not matter any more.
    if (incarnation.users === 0) incarnation.producer.disconnect().catch(() => undefined);
  }
}

/** Every message says its partition: one placement for all adapters, not each driver's own. */
function placedAlready({ message }: { message: { partition?: number } }): number {
  if (message.partition === undefined) throw new LogFault('bad-argument', 'a message without a partition');
  return message.partition;
}
