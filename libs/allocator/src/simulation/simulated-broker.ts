import { LogFault, type LogRecord, type Receipt, type ReceivedRecord, shareOut } from '@berth/registration-log';
import { type Channel, type Network, type Server } from './network.js';
import { type Random } from './random.js';
import { type Scheduler, type SimulatedProcess } from './scheduler.js';

/** How this broker, and its clients, behave. */
export interface LogHabits {
  /** The broker gives a silent consumer's partitions away after so long. */
  sessionMs: number;
  /** How long a running batch may go on when its partition is to be given away. */
  handoverMs: number;
  /** Waits between redeliveries. */
  backOff: { firstMs: number; mostMs: number };
  /** Probability that an offset is left out. */
  gap: number;
  /** Probability that a batch is shorter than it could be. */
  shortBatch: number;
  /** Probability that a rebalance deals the partitions out anew at random. */
  erraticShare: number;
}

export const plainHabits: LogHabits = {
  sessionMs: 10_000,
  handoverMs: 5_000,
  backOff: { firstMs: 100, mostMs: 10_000 },
  gap: 0,
  shortBatch: 0,
  erraticShare: 0,
};

/** A consumer as its group knows it. One that was expelled comes back as another. */
export interface Membership {
  process: SimulatedProcess;
  /** What it is told comes in order. */
  channel: Channel;
  isExpelled: boolean;
  take(partitions: readonly number[]): void;
  release(partitions: readonly number[]): void;
  expelled(): void;
}

/** What the log did, for those who watch the world. */
export interface LogWatcher {
  taken(by: SimulatedProcess, topic: string, partition: number, record: ReceivedRecord): void;
  committed(by: SimulatedProcess, topic: string, partition: number, next: number): void;
}

interface Topic {
  name: string;
  partitions: ReceivedRecord[][];
  groups: Map<string, Group>;
  /** Fetches that wait for a record at or behind an offset. */
  waiting: { partition: number; from: number; wake: () => void }[];
}

interface Group {
  name: string;
  topic: string;
  members: Membership[];
  /** Who may commit; null while a partition changes hands. */
  owners: (Membership | null)[];
  /** Partitions whose owner was asked to let go, once: until it has, nobody gets them. */
  releasing: Set<number>;
  /** Who is to have it. */
  heirs: (Membership | null)[];
  committed: number[];
}

/** The broker of the simulated world: topics in memory, and groups that share their partitions. */
export class SimulatedBroker implements Server {
  readonly name = 'broker';
  isAway = false;
  watcher: LogWatcher | null = null;
  private readonly topics = new Map<string, Topic>();
  /** Processes that haven't been heard of, each with the silence it is in. */
  private readonly silences = new Map<SimulatedProcess, object>();

  constructor(
    readonly scheduler: Scheduler,
    readonly network: Network,
    readonly random: Random,
    readonly habits: LogHabits,
    private readonly partitions: number,
  ) {}

  /** A topic is made when it is first named, with as many partitions as wanted then. */
  topic(name: string, partitions = this.partitions): Topic {
    let topic = this.topics.get(name);
    if (!topic) {
      topic = { name, partitions: Array.from({ length: partitions }, () => []), groups: new Map(), waiting: [] };
      this.topics.set(name, topic);
    }
    return topic;
  }

  get topicNames(): string[] {
    return [...this.topics.keys()];
  }

  publish(by: SimulatedProcess, name: string, placed: readonly { partition: number; record: LogRecord }[]): Receipt[] {
    const topic = this.topic(name);
    const receipts = placed.map(({ partition, record }) => {
      const records = topic.partitions[partition] as ReceivedRecord[];
      const skipped = this.random.chance(this.habits.gap) ? this.random.whole(1, 3) : 0;
      const offset = (records.at(-1)?.offset ?? -1) + 1 + skipped;
      const received = {
        ...record,
        value: Buffer.from(record.value),
        offset,
        timestamp: Math.floor(this.scheduler.now),
      };
      records.push(received);
      this.watcher?.taken(by, name, partition, received);
      return { topic: name, partition, offset };
    });
    const { waiting } = topic;
    topic.waiting = waiting.filter(({ partition, from }) => !this.hasNews(topic, partition, from));
    for (const one of waiting) if (!topic.waiting.includes(one)) one.wake();
    return receipts;
  }

  read(name: string, partition: number, from: number, count: number): ReceivedRecord[] {
    const records = this.topic(name).partitions[partition] as ReceivedRecord[];
    const first = records.findIndex(({ offset }) => offset >= from);
    return first < 0 ? [] : records.slice(first, first + count);
  }

  /** Calls `wake` once there is a record at or behind `from`, from the server's side of the network. */
  onNews(name: string, partition: number, from: number, wake: () => void): void {
    const topic = this.topic(name);
    if (this.hasNews(topic, partition, from)) wake();
    else topic.waiting.push({ partition, from, wake });
  }

  /** The offset at which a group goes on. */
  committed(name: string, group: string, partition: number): number {
    return this.group(name, group).committed[partition] as number;
  }

  /** @throws LogFault `stale-batch` unless the partition is this member's. */
  assertOwner(name: string, group: string, member: Membership, partition: number): void {
    if (this.group(name, group).owners[partition] === member) return;
    throw new LogFault('stale-batch', `${name}/${partition} is not this consumer's`);
  }

  commit(name: string, group: string, member: Membership, partition: number, next: number): void {
    this.assertOwner(name, group, member, partition);
    const { committed } = this.group(name, group);
    if (next <= (committed[partition] as number)) return;
    committed[partition] = next;
    this.watcher?.committed(member.process, name, partition, next);
  }

  join(name: string, groupName: string, member: Membership): void {
    const group = this.group(name, groupName);
    if (member.isExpelled || group.members.includes(member)) return;
    group.members.push(member);
    // Late, and its sender is silent by now: its session ends like any other.
    if (this.silences.has(member.process)) this.lost(member.process);
    this.share(group, false);
  }

  /** The member has let go of partitions that it was asked for. */
  released(name: string, groupName: string, member: Membership, partitions: readonly number[]): void {
    const group = this.group(name, groupName);
    for (const partition of partitions) {
      if (group.owners[partition] !== member || !group.releasing.delete(partition)) continue;
      group.owners[partition] = null;
    }
    this.grant(group);
  }

  leave(name: string, groupName: string, member: Membership): void {
    this.remove(this.group(name, groupName), member);
  }

  partitionsOf(name: string, process: SimulatedProcess): number[] {
    const groups = [...this.topic(name).groups.values()];
    return groups.flatMap(({ owners }) => owners.flatMap((owner, at) => (owner?.process === process ? [at] : [])));
  }

  /** Deals out anew, at random: what a group does when its coordinator thinks so. */
  upset(): void {
    for (const topic of this.topics.values()) for (const group of topic.groups.values()) this.share(group, true);
  }

  /** The broker hears nothing of a process any more, whatever the reason. */
  lost(process: SimulatedProcess): void {
    const silence = {};
    this.silences.set(process, silence);
    this.scheduler.after(this.habits.sessionMs, null, `the session of ${process.name} ends`, () => {
      if (this.silences.get(process) !== silence) return;
      for (const topic of this.topics.values()) for (const group of topic.groups.values()) this.expel(group, process);
    });
  }

  heard(process: SimulatedProcess): void {
    this.silences.delete(process);
  }

  private expel(group: Group, process: SimulatedProcess): void {
    for (const member of group.members.filter((one) => one.process === process)) {
      member.isExpelled = true;
      this.remove(group, member);
      // Heard once the process wakes, if it ever does.
      this.network.tell(process, member.channel, `expelled from ${group.name}`, () => member.expelled());
    }
  }

  private remove(group: Group, member: Membership): void {
    if (!group.members.includes(member)) return;
    group.members = group.members.filter((one) => one !== member);
    for (const [partition, owner] of group.owners.entries()) {
      if (owner !== member) continue;
      group.owners[partition] = null;
      group.releasing.delete(partition);
    }
    this.share(group, false);
  }

  private share(group: Group, isUpset: boolean): void {
    const { members, owners, heirs } = group;
    const isErratic = members.length > 0 && (isUpset || this.random.chance(this.habits.erraticShare));
    group.heirs = isErratic
      ? owners.map(() => this.random.pick(members))
      : shareOut(
          owners.map((owner, partition) => owner ?? heirs[partition] ?? undefined),
          members,
        ).map((heir) => heir ?? null);
    const leaving = new Map<Membership, number[]>();
    for (const [partition, owner] of owners.entries()) {
      if (owner === null || owner === group.heirs[partition] || group.releasing.has(partition)) continue;
      group.releasing.add(partition);
      leaving.set(owner, [...(leaving.get(owner) ?? []), partition]);
    }
    for (const [member, partitions] of leaving) {
      const what = `release ${group.name}/${partitions.join()}`;
      this.network.tell(member.process, member.channel, what, () => member.release(partitions));
    }
    this.grant(group);
  }

  private grant(group: Group): void {
    const granted = new Map<Membership, number[]>();
    for (const [partition, heir] of group.heirs.entries()) {
      if (group.owners[partition] !== null || heir === null || !group.members.includes(heir)) continue;
      group.owners[partition] = heir;
      granted.set(heir, [...(granted.get(heir) ?? []), partition]);
    }
    for (const [member, partitions] of granted) {
      const what = `take ${group.name}/${partitions.join()}`;
      this.network.tell(member.process, member.channel, what, () => member.take(partitions));
    }
  }

  private group(name: string, groupName: string): Group {
    const topic = this.topic(name);
    let group = topic.groups.get(groupName);
    if (!group) {
      const nobody = topic.partitions.map(() => null);
      const committed = topic.partitions.map(() => 0);
      const owners = [...nobody];
      const releasing = new Set<number>();
      group = { name: `${groupName} ${name}`, topic: name, members: [], owners, releasing, heirs: nobody, committed };
      topic.groups.set(groupName, group);
    }
    return group;
  }

  private hasNews(topic: Topic, partition: number, from: number): boolean {
    return ((topic.partitions[partition] as ReceivedRecord[]).at(-1)?.offset ?? -1) >= from;
  }
}
