import { isRetriable, parseAssignment, type RegistrationLog, topics } from '@berth/registration-log';
import { setTimeout as delay } from 'node:timers/promises';
import { partitions } from './set-up.ts';

const lookEveryMs = 100;
const readMax = 2_000;

/** A message by where it stands: `partition/offset`. */
export type Place = `${number}/${number}`;

/** Reads `berth.assignments` as it grows, to see when messages are answered. */
export class AnswerWatch {
  /** When each message's first answer was seen, milliseconds since 1970, and the position that it names. */
  readonly first = new Map<Place, { at: number; position: bigint }>();
  private readonly log: RegistrationLog;
  private readonly next = Array.from({ length: partitions }, () => 0);
  private isStopped = false;
  private running: Promise<unknown> = Promise.resolve();

  private constructor(log: RegistrationLog) {
    this.log = log;
  }

  static begin(log: RegistrationLog): AnswerWatch {
    const watch = new AnswerWatch(log);
    watch.running = watch.look();
    return watch;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
  }

  private async look(): Promise<void> {
    while (!this.isStopped) {
      for (let partition = 0; partition < partitions; partition += 1) {
        await this.lookAt(partition).catch((error: unknown) => {
          if (!isRetriable(error)) throw error;
        });
      }
      await delay(lookEveryMs);
    }
  }

  private async lookAt(partition: number): Promise<void> {
    const records = await this.log.read(topics.assignments, partition, this.next[partition] as number, readMax);
    for (const record of records) {
      this.next[partition] = record.offset + 1;
      const parsed = parseAssignment(record);
      if (!parsed.ok) continue;
      const place = parsed.assignment.id.slice(topics.registrations.length + 1) as Place;
      const position = BigInt(parsed.assignment.answer.position);
      if (!this.first.has(place)) this.first.set(place, { at: Date.now(), position });
    }
  }
}
