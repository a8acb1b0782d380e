import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Kind, Message, Order, PartOptions, Progress } from './part.ts';
import type { World } from './world.ts';

/** What a part took, and what the processes beside it used meanwhile. */
export interface Taken extends Progress {
  perSecond: number;
  /** Processor time for 1,000 registrations, all parts together and each. */
  cpuSecondsPerThousand: { all: number; own: number; kafka: number; eventStore: number };
}

/** A measured process, seen from the bench. */
export class MeasuredPart {
  private readonly child: ChildProcess;
  private readonly world: World;
  /** Rejects when the process ends. */
  private readonly failed: Promise<never>;

  private constructor(child: ChildProcess, world: World) {
    this.child = child;
    this.world = world;
    this.failed = once(child, 'exit').then(([code]) => {
      throw new Error(`A measured process ended with ${code}`);
    });
    this.failed.catch(() => undefined);
  }

  /** @param profiles a folder: the process leaves a CPU profile there when it ends. */
  static async start(
    kind: Kind,
    world: World,
    options: { name?: string; profiles?: string | undefined; databaseUrl?: string; devices?: number } = {},
  ): Promise<MeasuredPart> {
    const { name = kind, profiles, ...others } = options;
    const { brokers, eventStoreUrl, masterKey, partitions, folder } = world;
    const dataFolder = join(folder, name);
    const text = JSON.stringify({
      brokers,
      eventStoreUrl,
      masterKey,
      partitions,
      folder,
      dataFolder,
      name,
      ...others,
    } satisfies PartOptions);
    const child = fork(new URL('./part.ts', import.meta.url), [kind, text], {
      execArgv: [
        '--disable-warning=TimeoutNegativeWarning',
        ...(profiles ? ['--cpu-prof', `--cpu-prof-dir=${join(profiles, name)}`] : []),
      ],
    });
    const part = new MeasuredPart(child, world);
    await part.answer();
    return part;
  }

  /** Joins the group, does so many messages, leaves. */
  async take(count: number): Promise<Taken> {
    const before = this.world.cpu();
    const progress = (await this.order({ take: count })) as Progress;
    const after = this.world.cpu();
    return takenOf(progress, {
      own: progress.cpuSeconds,
      kafka: after.kafka - before.kafka,
      eventStore: after.eventStore - before.eventStore,
    });
  }

  async end(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.send('end' satisfies Order);
    await ended;
  }

  order(order: Order): Promise<unknown> {
    this.child.send(order);
    return this.answer();
  }

  status(): Promise<Progress> {
    return this.order('status') as Promise<Progress>;
  }

  /** Hears the progress between `go` and `leave`. @returns what ends it. */
  onProgress(listen: (progress: Progress) => void): () => void {
    const listener = (message: Message) => {
      if ('progress' in message) listen(message.progress);
    };
    this.child.on('message', listener);
    return () => this.child.off('message', listener);
  }

  private answer(): Promise<unknown> {
    const answered = new Promise<unknown>((resolve) => {
      const listener = (message: Message) => {
        if (!('answer' in message)) return;
        this.child.off('message', listener);
        resolve(message.answer);
      };
      this.child.on('message', listener);
    });
    return Promise.race([answered, this.failed]);
  }
}

function takenOf(progress: Progress, cpu: { own: number; kafka: number; eventStore: number }): Taken {
  const per = (seconds: number) => (seconds / progress.done) * 1000;
  const { own, kafka, eventStore } = cpu;
  return {
    ...progress,
    perSecond: progress.done / progress.seconds,
    cpuSecondsPerThousand: {
      all: per(own + kafka + eventStore),
      own: per(own),
      kafka: per(kafka),
      eventStore: per(eventStore),
    },
  };
}
