// One measured process, started by `fork`: `part.ts allocator|pipe|plain|peer options`. It takes what the topic holds when it is told to,
// and says how long that took and what processor time it used.
import { type BatchConsumer, type Consumption, type RegistrationLog, topics } from '@berth/registration-log';
import { keptPatterns } from './patterns.ts';

/** `pipe`: by Berth's adapters; `plain`: by kafkajs and the event store's client as they come. */
export type Kind = 'allocator' | 'pipe' | 'plain' | 'peer';

/** What takes the messages. */
export interface Part {
  group: string;
  consumer: BatchConsumer;
  log: Pick<RegistrationLog, 'consume'>;
  close(): Promise<void>;
}

export interface PartOptions {
  brokers: string[];
  eventStoreUrl: string;
  /** Base64. */
  masterKey: string;
  partitions: number;
  /** Of the world. */
  folder: string;
  /** Of the process. */
  dataFolder: string;
  /** Names the process in its claims. */
  name: string;
  /** For the peer: where its database is, and how many devices it knows. */
  databaseUrl?: string;
  devices?: number;
}

/**
 * `take`: join the group, do so many messages, leave. `join`, `go`, `leave`: the same in steps, for several at once; between
 * `join` and `go` no batch is done.
 */
export type Order = { take: number } | 'join' | 'status' | 'go' | 'leave' | 'end';

/** Each order is answered; between `go` and `leave` progress is told besides. */
export type Message = { answer: unknown } | { progress: Progress };

export interface Progress {
  /** Messages done since `take` or `go`. */
  done: number;
  /** From the first batch to the end of the last one so far. */
  seconds: number;
  /** Of this process, in the same time. */
  cpuSeconds: number;
  /** Partitions it has now. */
  partitions: number;
}

const [kind, text = ''] = process.argv.slice(2) as [Kind, string];
const { group, consumer, log, close } = await open(JSON.parse(text) as PartOptions);

let consumption: Consumption | null = null;
let mayGo = Promise.resolve();
let go = () => {};
let begun: { at: number; cpu: NodeJS.CpuUsage } | null = null;
let done = 0;
const held = new Set<number>();

async function open(options: PartOptions): Promise<Part> {
  // Loaded here, for the adapters change the libraries they use.
  if (kind !== 'plain') return (await import('./adapter-parts.ts')).openAdapterPart(kind, options);
  const { PlainPipe } = await import('./plain-pipe.ts');
  const pipe = await PlainPipe.open(options, keptPatterns(options.folder));
  return { group: 'bench.plain', consumer: pipe, log: pipe, close: () => pipe.close() };
}

function status(): Progress {
  const seconds = begun ? (performance.now() - begun.at) / 1000 : 0;
  const { user, system } = process.cpuUsage(begun?.cpu);
  return { done, seconds, cpuSeconds: (user + system) / 1e6, partitions: held.size };
}

/** Resolves when it has partitions. */
async function join(report: (progress: Progress) => void): Promise<void> {
  done = 0;
  begun = null;
  let joined!: () => void;
  const hasJoined = new Promise<void>((resolve) => (joined = resolve));
  consumption = await log.consume(
    { topic: topics.registrations, group },
    {
      async assigned(given) {
        await consumer.assigned(given);
        for (const partition of given) held.add(partition);
        joined();
      },
      revoked(taken) {
        for (const partition of taken) held.delete(partition);
        return consumer.revoked(taken);
      },
      async batch(batch) {
        await mayGo;
        begun ??= { at: performance.now(), cpu: process.cpuUsage() };
        await consumer.batch(batch);
        done += batch.records.length;
        report(status());
      },
    },
  );
  await Promise.race([hasJoined, consumption.failed]);
}

async function leave(): Promise<void> {
  await consumption?.stop();
  consumption = null;
  held.clear();
}

async function take(count: number): Promise<Progress> {
  let finish!: (progress: Progress) => void;
  const finished = new Promise<Progress>((resolve) => (finish = resolve));
  await join((progress) => {
    if (progress.done >= count) finish(progress);
  });
  const taken = await Promise.race([finished, consumption!.failed]);
  await leave();
  return taken;
}

async function obey(order: Order): Promise<unknown> {
  if (typeof order === 'object') return take(order.take);
  switch (order) {
    case 'join':
      mayGo = new Promise((resolve) => (go = resolve));
      await join((progress) => tell({ progress }));
      return 'joined';
    case 'status':
      return status();
    case 'go':
      go();
      return 'gone';
    case 'leave':
      await leave();
      return 'left';
    case 'end':
      await close();
      process.exit(0);
  }
}

function tell(message: Message): void {
  process.send!(message);
}

// The bench was killed.
process.once('disconnect', () => process.exit(1));
process.on('message', (order: Order) => void obey(order).then((answer) => tell({ answer })));
tell({ answer: 'ready' });
