import type { DecisionsRecorded, Outcome, RecordedHub } from '@berth/domain';
import type { EventStore } from '@berth/event-store';
import { createHash } from 'node:crypto';

const pageSize = 1000;

const partitions = 8;
const metadata = { correlationId: 'bench', actor: 'bench', at: new Date().toISOString() };
const rules = [{ policy: 'evenlyWeighted', source: 'default', hubs: null, updateHubAssignment: true }] as const;

/** Ids in an order that has nothing to do with theirs, as devices come. */
const idOf = (number: number) => `dev-${createHash('md5').update(String(number)).digest('hex').slice(0, 16)}`;

/** What an allocator would have written for devices that come one after the other. */
export class Ledgers {
  position = 0n;
  private readonly revisions = new Array<number>(partitions).fill(-1);
  private readonly hubs: RecordedHub[];
  private readonly store: EventStore;
  private next = 0;

  constructor(store: EventStore, hubCount: number) {
    this.store = store;
    this.hubs = Array.from({ length: hubCount }, (_, index) => ({
      name: `hub-${String(index).padStart(3, '0')}.example.net`,
      state: 'open',
      weight: 1,
      capacity: null,
      load: 0,
    }));
  }

  /** Decisions appended so far. */
  get count(): number {
    return this.next;
  }

  async linkHubs(): Promise<void> {
    for (const { name } of this.hubs) {
      const data = { name, weight: 1, capacity: null, region: null, connection: null };
      await this.store.append(`hub-${name}`, [{ type: 'HubLinked', v: 1, data }], -1, metadata);
    }
  }

  /** A page of devices never seen before. */
  async append(count: number): Promise<bigint> {
    const partition = Math.floor(this.next / pageSize) % partitions;
    const hubs = this.hubs.map((hub) => ({ ...hub }));
    const outcomes = Array.from({ length: count }, (): Outcome => {
      const id = idOf(this.next);
      const hub = this.hubs[this.next % this.hubs.length] as RecordedHub;
      hub.load += 1;
      const identity = { offset: this.next, registrationId: id, requestId: `r-${this.next}` };
      this.next += 1;
      return { type: 'DeviceAssigned', ...identity, enrollment: id, deviceId: id, hub: hub.name, rule: 0 };
    });
    const data: DecisionsRecorded = {
      generation: 1,
      firstOffset: this.next - count,
      lastOffset: this.next - 1,
      at: new Date().toISOString(),
      configuration: '1',
      build: 1,
      policy: 'evenlyWeighted',
      hubs,
      rules,
      outcomes,
      unchanged: [],
    };
    const revision = this.revisions[partition] ?? -1;
    const event = { type: 'DecisionsRecorded', v: 1, data } as const;
    const appended = await this.store.append(`ledger-${partition}`, [event], revision, metadata);
    this.revisions[partition] = appended.revision;
    this.position = appended.position;
    return appended.position;
  }

  async appendMany(count: number): Promise<void> {
    for (let left = count; left > 0; left -= pageSize) await this.append(Math.min(left, pageSize));
  }
}
