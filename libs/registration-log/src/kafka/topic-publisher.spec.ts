import { describe, expect, it } from '@jest/globals';
import { CompressionTypes, type Producer, type ProducerBatch, type RecordMetadata } from 'kafkajs';
import { partitionOf } from '../partitioner.js';
import { eventually } from '../registration-log.contract.js';
import { TopicPublisher } from './topic-publisher.js';

const topic = 't';
const record = (key: string | null, bytes = 10) => ({ key, value: Buffer.alloc(bytes), headers: {} });

/** Stands for the driver: a broker in memory that can be told to misbehave. */
class Broker {
  readonly requests: { partition: number; bytes: number }[][] = [];
  leaderCount = 1;
  doubts = 0;
  private readonly ends = new Map<number, number>();
  answer: (answers: RecordMetadata[]) => RecordMetadata[] | Promise<RecordMetadata[]> = (answers) => answers;

  readonly producer: Pick<Producer, 'sendBatch'> = {
    sendBatch: async ({ topicMessages = [] }: ProducerBatch) => {
      const messages = topicMessages.flatMap((one) => one.messages);
      const request = messages.map(({ partition, value }) => ({ partition: partition!, bytes: value!.length }));
      this.requests.push(request);
      const partitions = [...new Set(request.map(({ partition }) => partition))];
      const answers = partitions.map((partition) => {
        const base = this.ends.get(partition) ?? 0;
        this.ends.set(partition, base + request.filter((one) => one.partition === partition).length);
        return { topicName: topic, partition, errorCode: 0, baseOffset: String(base) };
      });
      return this.answer(answers);
    },
  };

  publisher(bytesMax = 1e9) {
    const leaders = { of: (partition: number) => partition % this.leaderCount, doubt: () => (this.doubts += 1) };
    const compression = CompressionTypes.None;
    return new TopicPublisher({ producer: this.producer, topic, partitions: 4, leaders, bytesMax, compression });
  }
}

describe('publishing to Kafka', () => {
  it('sends what gathers while a request is under way as one', async () => {
    const broker = new Broker();
    const publisher = broker.publisher();
    const receipts = await Promise.all(Array.from({ length: 20 }, () => publisher.publish([record('one')])));
    expect(receipts.flat().map(({ offset }) => offset)).toEqual(Array.from({ length: 20 }, (_, at) => at));
    expect(broker.requests.length).toBe(1);
  });

  it('gives a partition no larger batch than a broker takes', async () => {
    const broker = new Broker();
    const receipts = await broker.publisher().publish(Array.from({ length: 10 }, () => record('one', 400_000)));
    expect(receipts.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(broker.requests.map(({ length }) => length)).toEqual([2, 2, 2, 2, 2]);
  });

  it('fails what the answer does not mention, and only that', async () => {
    const broker = new Broker();
    const publisher = broker.publisher();
    const keys = ['foobar', '21', 'abc'];
    const silent = partitionOf('21', 4);
    broker.answer = (answers) => answers.filter(({ partition }) => partition !== silent);
    const outcomes = await Promise.allSettled(keys.map((key) => publisher.publish([record(key)])));
    const expected = keys.map((key) => (partitionOf(key, 4) === silent ? 'rejected' : 'fulfilled'));
    expect(outcomes.map(({ status }) => status)).toEqual(expected);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'log-away', retriable: true } });
  });

  it('fails a publish as a whole when one of its requests fails, and sends no more of it', async () => {
    const broker = new Broker();
    const publisher = broker.publisher();
    broker.answer = () => Promise.reject(new Error('connection lost'));
    await expect(publisher.publish(Array.from({ length: 10 }, () => record('one', 400_000)))).rejects.toMatchObject({
      code: 'log-away',
    });
    broker.answer = (answers) => answers;
    const [receipt] = await publisher.publish([record('one')]);
    expect(receipt!.offset).toBe(2);
    expect(broker.requests).toHaveLength(2);
    expect(broker.doubts).toBe(1);
  });

  it('sends each leader a request of its own, and one that is slow holds up no other', async () => {
    const broker = new Broker();
    broker.leaderCount = 2;
    const publisher = broker.publisher();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    broker.answer = async (answers) => {
      if (answers.some(({ partition }) => partition % 2 === 1)) await held;
      return answers;
    };
    const keys = Array.from({ length: 40 }, (_, at) => `device-${at}`);
    const slow = publisher.publish(keys.filter((key) => partitionOf(key, 4) % 2 === 1).map((key) => record(key)));
    const quick = keys.filter((key) => partitionOf(key, 4) % 2 === 0);
    await publisher.publish(quick.map((key) => record(key)));
    await publisher.publish(quick.map((key) => record(key)));
    release();
    await slow;
    for (const request of broker.requests) {
      expect(new Set(request.map(({ partition }) => partition % 2)).size).toBe(1);
    }
  });

  it('never has two requests with the same partition under way, also when its leader changes', async () => {
    const broker = new Broker();
    const publisher = broker.publisher();
    let underWay = 0;
    let most = 0;
    broker.answer = async (answers) => {
      most = Math.max(most, (underWay += 1));
      await Promise.resolve();
      broker.leaderCount = 1 + ((broker.requests.length * 7) % 4);
      underWay -= 1;
      return answers;
    };
    const publishes = Array.from({ length: 30 }, () => publisher.publish([record('one')]));
    for (let more = 0; more < 30; more += 1) publishes.push(publisher.publish([record('one')]));
    const offsets = (await Promise.all(publishes)).flat().map(({ offset }) => offset);
    expect(offsets).toEqual(offsets.map((_, at) => at));
    expect(most).toBe(1);
  });

  it('refuses to queue without bound, and takes more once it has caught up', async () => {
    const broker = new Broker();
    const publisher = broker.publisher(100_000);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    broker.answer = async (answers) => {
      await held;
      return answers;
    };
    const first = publisher.publish([record('a', 90_000)]);
    expect(() => publisher.publish([record('a', 20_000)])).toThrow(expect.objectContaining({ code: 'queue-full' }));
    await eventually('the request', () => broker.requests.length === 1, 1_000);
    release();
    await first;
    await publisher.publish([record('a', 20_000)]);
    expect(broker.requests).toHaveLength(2);
  });
});
